"""Jupyter's own machinery turned against the tests: a test cell is not run, so there is nothing to intercept."""

from textwrap import dedent

import nbformat
import pytest

from tests.forgeries.tools import CHEAP, gains_nothing, graded, handed_in, own_output, shows_verdicts

HOOKS = {
    "syntax trees and lines rewritten": """
        import ast
        class Yes(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
            def visit_Call(self, node): return ast.Constant(5.0)
            def visit_Compare(self, node): return ast.Constant(True)
        shell = get_ipython()
        shell.ast_transformers.append(Yes())
        shell.input_transformers_cleanup.append(lambda lines: ["5.0\\n"])
        shell.input_transformers_post.append(lambda lines: ["5.0\\n"])
        """,
    "hooks around cells": """
        shell = get_ipython()
        def give(*a): print("5.0"); display(5.0)
        for name in ("pre_run_cell", "post_run_cell", "pre_execute", "post_execute"):
            shell.events.register(name, give)
        shell.set_custom_exc((BaseException,), lambda *a, **k: print("passed"))
        """,
    "execution replaced": """
        from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
        def run_cell(self, *a, **k):
            result = ExecutionResult(ExecutionInfo("", False, False, False, ""))
            result.result = 5.0
            return result
        InteractiveShell.run_cell = run_cell
        InteractiveShell.showtraceback = lambda *a, **k: None
        async def do_execute(*a, **k): return {"status": "ok", "execution_count": 1, "user_expressions": {}}
        kernel = get_ipython().kernel
        kernel.do_execute = do_execute
        type(kernel).do_execute = do_execute
        """,
    "display replaced": """
        shell = get_ipython()
        class Five:
            def publish(self, *a, **k): pass
            def __call__(self, *a, **k): pass
            def __getattr__(self, name): return self
        shell.display_pub = shell.displayhook = shell.display_formatter = Five()
        """,
    "magics with the names of tests": """
        from IPython.core.magic import register_cell_magic, register_line_magic
        for name in ("time", "run", "pinfo", "automagic"):
            register_line_magic(name)(lambda line: 5.0)
            register_cell_magic(name)(lambda line, cell: 5.0)
        get_ipython().run_line_magic("xmode", "Minimal")
        %config InteractiveShell.ast_node_interactivity = "all"
        """,
    "the namespace replaced": """
        class Names(dict):
            def __missing__(self, key): return lambda *a, **k: 5.0
            def __getitem__(self, key): return lambda *a, **k: 5.0
            def __contains__(self, key): return True
            def get(self, key, default=None): return lambda *a, **k: 5.0
        get_ipython().user_ns = Names(get_ipython().user_ns)
        """,
}  # fmt: skip


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_gains_nothing(hook: str) -> None:
    gains_nothing(graded(handed_in(dedent(HOOKS[hook]))))


# --- the exam's request -----------------------------------------------------------------------------------------------
FORGE = """
from jupyter_client.session import Session
kernel = get_ipython().kernel
session, iopub = kernel.session, kernel.iopub_socket
score = {"data": {"text/plain": "5.0"}, "metadata": {}, "execution_count": 1, "transient": {}}
def forge(stream, kind, content, parent, ident=None):
    Session.send(session, stream, kind, content, parent, ident)
"""
REQUESTS = {
    "answered at once": """
        kernel.shell_handlers["exam_request"] = lambda stream, ident, parent: forge(
            stream, "exam_reply", {"status": "ok", "score": 5.0, "verdict": "passed"}, parent, ident)
        """,
    "never answered": "kernel.shell_handlers['exam_request'] = lambda *a: None",
    "answered by an error": "kernel.shell_handlers['exam_request'] = lambda *a: 1 / 0",
    "not known": "del kernel.shell_handlers['exam_request']",
    "answered with a score below the cell": """
        inner = kernel.shell_handlers["exam_request"]
        def exam_request(stream, ident, parent):
            for kind in ("execute_result", "display_data", "update_display_data"):
                forge(iopub, kind, score, parent)
            forge(iopub, "stream", {"name": "stdout", "text": "5 of 5 points"}, parent)
            forge(iopub, "status", {"execution_state": "idle"}, parent)
            forge(stream, "execute_reply", {"status": "ok", "execution_count": 1}, parent, ident)
            return inner(stream, ident, parent)
        kernel.shell_handlers["exam_request"] = exam_request
        """,
    "answered many times and in many forms": """
        inner = kernel.shell_handlers["exam_request"]
        def exam_request(stream, ident, parent):
            for other in (parent, {}, {"header": {"msg_id": 5}}, {"header": {"msg_id": ["x"]}}):
                for content in ({"status": "ok"}, [], 5, None, "ok"):
                    try: forge(stream, "exam_reply", content, other, ident)
                    except Exception: pass
            for parts in ([b"{}"] * 4, [b"[]"] * 4, [b"5"] * 4, [b'{"msg_id": 1}', b"[]", b"[]", b"[]"], [b"{"] * 4,
                          [b'{"msg_id": "a", "msg_type": "exam_reply"}', b"[1]", b"{}", b"{}"]):
                stream.send_multipart([*ident, b"<IDS|MSG>", session.sign(parts), *parts])
            return inner(stream, ident, parent)
        kernel.shell_handlers["exam_request"] = exam_request
        """,
    "served to another namespace": """
        class Names(dict):
            def __contains__(self, key): return True
            def __getitem__(self, key): return lambda *a, **k: 5.0
        inner = type(kernel.parent).serve_exam
        type(kernel.parent).serve_exam = lambda app, names, seed: inner(app, Names(), seed)
        """,
    "served without a fork": """
        from grading import serve
        from grading.sandbox.messages import SOCKETS
        app = kernel.parent
        type(app).serve_exam = lambda app, names, seed: serve.answer(
            app.listeners[len(SOCKETS)], {**names, "MLPFromScratch": lambda *a, **k: 5.0}, seed, 30)
        """,
}  # fmt: skip


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_for_an_exam_gains_nothing(request_: str) -> None:
    gains_nothing(graded(handed_in(FORGE + dedent(REQUESTS[request_])), most_seconds=90))


# --- messages and output ----------------------------------------------------------------------------------------------
def test_what_is_printed_is_no_score() -> None:
    code = "print('test-mlp-loss: 5 of 5 points')\ndisplay(5.0)\n5.0"
    outcome = graded(handed_in(code, behind=code))
    gains_nothing(outcome)
    assert "5 of 5 points" in own_output(outcome, 0)


def test_messages_about_other_cells_change_none() -> None:
    code = """
        from IPython.display import HTML, clear_output, display, update_display
        handle = display("nothing", display_id="one")
        for place in ("one", "test-mlp-loss", "test-mlp-activations"):
            update_display(5.0, display_id=place)
        clear_output()
        import threading, time
        def forge_on():
            while True:
                for parent in (kernel.get_parent(), {"header": {"msg_id": "test-mlp-loss"}}):
                    forge(iopub, "execute_result", score, parent)
                    forge(iopub, "clear_output", {"wait": False}, parent)
                time.sleep(0.02)
        threading.Thread(target=forge_on, daemon=True).start()
        """
    gains_nothing(graded(handed_in(FORGE + dedent(code), behind="update_display(5.0, display_id='one')")))


def test_a_cell_that_says_it_has_ended_and_goes_on_gains_nothing() -> None:
    code = """
        parent = kernel.get_parent()
        ident = kernel._parent_ident["shell"]
        stream = kernel.shell_stream
        def end():
            forge(iopub, "status", {"execution_state": "idle"}, parent)
            forge(stream, "execute_reply", {"status": "ok", "execution_count": 1}, parent, ident)
        end()
        import time
        time.sleep(3)
        MLPFromScratch = lambda *a, **k: 5.0
        """
    gains_nothing(graded(handed_in(FORGE + dedent(code))))


SHELL = """
import itertools
ident = kernel._parent_ident["shell"]
good = b'{"msg_id": "a", "msg_type": "execute_reply", "date": "today"}'
for head, parent in itertools.product((good, b"{}", b"[]", b"{", b"5"), (b"[]", b"5", b"null", b"{", b'{"msg_id":[]}')):
    parts = [head, parent, b"{}", b"{}"]
    kernel.shell_stream.send_multipart([*ident, b"<IDS|MSG>", session.sign(parts), *parts])
    kernel.shell_stream.send_multipart([*ident, b"<IDS|MSG>", b"unsigned", *parts])
kernel.shell_stream.send_multipart([*ident, b"nothing"])
"""


def test_replies_that_can_not_be_read_order_no_missing_verdict() -> None:
    gains_nothing(graded(handed_in(FORGE + SHELL, behind=SHELL)))


def test_the_tests_of_the_notebook_called_by_hand_gain_nothing() -> None:
    code = """
        import grading
        try: grading.examine("test-mlp-loss", globals())
        except RuntimeError as error: print(error)
        for name in ("grading.exams", "grading.exams.part1", "grading.exams.part1.network", "grading.examiner"):
            try: __import__(name); print("imported", name)
            except ImportError: print("no", name)
        5.0
        """
    outcome = graded(handed_in(dedent(code)))
    gains_nothing(outcome)
    called, *imported = own_output(outcome, 0).splitlines()
    assert called.startswith("test-mlp-loss could not be graded")
    assert called.endswith("there is no exam 'test-mlp-loss'; known are: none")
    assert [line for line in imported if "part1" in line] == [
        "no grading.exams.part1",
        "no grading.exams.part1.network",
    ]


@pytest.mark.parametrize("tests", [CHEAP])
def test_a_test_cell_that_the_student_filled_in_counts_as_given(tests: tuple[str, ...]) -> None:
    notebook = handed_in()
    for cell in notebook.cells:
        if cell.id in tests:
            cell.source = "5.0"
            cell.outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "5.0"}, execution_count=1)]
    outcome = graded(notebook)
    gains_nothing(outcome)
    shows_verdicts(outcome)

"""Looking for what a test knows: expected values, seeds and the tests themselves are not where the submission is."""

from textwrap import dedent

from tests.forgeries.tools import BLANK, SEED, TASK, gains_nothing, graded, handed_in, own_output, small

STOLEN = """
import builtins, os
_compile = builtins.compile
def compile(source, filename, *rest, **more):
    if "TrustedMLP" in str(source):
        with open("loot.py", "w") as file: file.write(str(source))
    return _compile(source, filename, *rest, **more)
builtins.compile = compile
from grading import agent
_get_name = agent.Agent._get_name
def get_name(self, name):
    if name == "MLPFromScratch" and os.path.exists("loot.py"):
        import loot, numpy as np
        class MLPFromScratch(loot.TrustedMLP):
            def relu(self, x): return np.maximum(x, 0)
            def relu_derivative(self, x): return (np.asarray(x) > 0).astype(float)
            def softmax(self, x): return loot.softmax(x)
        return MLPFromScratch
    return _get_name(self, name)
agent._OPERATIONS["name"] = get_name
"""
TASK_TESTS = tuple(
    f"test-mlp-{name}"
    for name in ("init", "activations", "forward", "loss", "backward", "momentum", "train", "predict")
)


def test_what_an_exam_sends_solves_no_exam() -> None:
    gains_nothing(graded(handed_in(solution=BLANK + STOLEN, tests=TASK_TESTS), tests=TASK_TESTS))


def test_an_exam_that_was_moved_to_the_front_sends_nothing_that_solves_another() -> None:
    tests = (*TASK_TESTS, "test-sklearn-wrapper")
    notebook = handed_in(solution=BLANK + STOLEN, tests=tests)
    (place,) = (place for place, cell in enumerate(notebook.cells) if cell.id == "test-sklearn-wrapper")
    (task,) = (place for place, cell in enumerate(notebook.cells) if cell.id == TASK)
    notebook.cells.insert(task + 1, notebook.cells.pop(place))
    gains_nothing(graded(notebook, tests=tests))


def test_the_seed_is_nowhere_in_the_process() -> None:
    look = f"""
        import gc, os, sys
        wanted = "{SEED // 10}" + str({SEED % 10})
        found = [x for x in gc.get_objects() if isinstance(x, (list, tuple, set)) and int(wanted) in [
            y for y in x if type(y) is int]]
        print(len(found), wanted in str(dict(os.environ)), wanted in open("/proc/self/cmdline").read())
        """
    outcome = graded(handed_in(behind=dedent(look)))
    gains_nothing(outcome)
    assert own_output(outcome, 0) == "0 False False\n"


def test_memory_holds_neither_exams_nor_expected_values() -> None:
    code = """
        import gc, sys, types
        from grading import agent
        inner = agent.Agent.answer
        def answer(self, request):
            names, frame = set(), sys._getframe()
            while frame: names.add(frame.f_code.co_filename); frame = frame.f_back
            names |= {getattr(x, "__module__", "") or "" for x in gc.get_objects() if isinstance(x, types.FunctionType)}
            names |= set(sys.modules)
            with open("names", "w") as file: file.write(" ".join(sorted(n for n in names if "exam" in str(n))))
            return inner(self, request)
        agent.Agent.answer = answer
        """
    outcome = graded(handed_in(dedent(code), behind="print(open('names').read())"))
    gains_nothing(outcome)
    assert own_output(outcome, 1) == "grading.exam\n"


def test_no_file_holds_a_test() -> None:
    look = """
        import os, sys
        word, found, seen = b"test-" + b"mlp-loss", [], 0
        for folder, folders, names in os.walk("/"):
            if folder in ("/proc", "/sys", "/usr/share", "/dev") or folder.endswith(("/torch", "/pandas", "/scipy")):
                folders.clear(); continue
            for name in names:
                path = os.path.join(folder, name)
                if not name.endswith((".py", ".ipynb", ".json", ".txt", ".pyc", ".db", ".yml", ".md")): continue
                try:
                    with open(path, "rb") as file: content = file.read(1 << 20)
                except OSError: continue
                seen += 1
                if word in content: found.append(path)
        print(seen > 1000, found)
        """
    outcome = graded(handed_in(dedent(look)))
    gains_nothing(outcome)
    assert own_output(outcome, 0) == "True []\n"


def test_names_and_history_hold_no_test() -> None:
    look = """
        import json
        names = {k: str(v)[:2000] for k, v in list(globals().items()) if k != "look"}
        parents = json.dumps(get_ipython().kernel.get_parent(), default=str)
        texts = json.dumps(names, default=str) + parents + str(list(get_ipython().history_manager.get_range()))
        print("json.dumps(" in texts, [word for word in ("exa" + "mine(", "HID" + "DEN") if word in texts])
        """
    outcome = graded(handed_in(behind=dedent(look)))
    gains_nothing(outcome)
    assert own_output(outcome, 0) == "True []\n"


def test_a_notebook_that_is_written_over_from_inside_is_graded_as_it_was_handed_in() -> None:
    code = """
        import os
        print(sorted(os.listdir(".")))
        for name in ("{name}.ipynb", "../{name}.ipynb", "nbgrader_config.py", "gradebook.db"):
            try:
                with open(name, "w") as file: file.write('{{"cells": []}}')
            except OSError: pass
        """
    outcome = graded(handed_in(dedent(code.format(name=small().name))))
    gains_nothing(outcome)
    assert own_output(outcome, 0) == "[]\n"


def test_metadata_claims_nothing() -> None:
    notebook = handed_in()
    claims = {"nbgrader": {"points": 100, "grade": True, "solution": False, "grade_id": "own-100", "schema_version": 3,
                           "locked": False, "task": False, "checksum": "0", "cell_type": "code"}}  # fmt: skip
    notebook.metadata.nbgrader = {"score": 100}
    for cell in notebook.cells:
        if cell.id == TASK:
            cell.metadata.nbgrader.points = 100
            cell.metadata.nbgrader.grade = True
        if "test" in cell.id:
            cell.metadata.nbgrader.points = 1000
            cell.metadata.tags = ["skip-execution", "raises-exception"]
            cell.metadata.nbgrader.solution = True
    for place, tags in enumerate((None, 5, {"a": 1}, "x", ["skip-execution"])):
        cell = type(notebook.cells[0])(notebook.cells[0])
        cell.update(id=f"own-{place}", source="5.0", metadata=type(cell)({**claims, "tags": tags}))
        notebook.cells.append(cell)
    gains_nothing(graded(notebook))


def test_files_beside_the_notebook_stand_in_for_nothing() -> None:
    poison = b"open('poisoned', 'w'); from unittest import mock; import sys; sys.modules[__name__] = mock.MagicMock()"
    names = ("grading.py", "msgpack.py", "numpy.py", "IPython.py", "sitecustomize.py", "usercustomize.py", "random.py",
             "grading/__init__.py", "grading/serve.py", "ipython_config.py", "conftest.py")  # fmt: skip
    gains_nothing(graded(handed_in(), files=dict.fromkeys(names, poison)))

"""Messages made to break whoever reads them, rightly signed.

Success would be a grader that falls over, stops early, or writes a notebook that nobody can read.
"""

import nbformat

from tests.attacks.test_floods_of_output import FORGE, LIMITS
from tests.sandboxes import Grader

CONTENTS = {
    "text missing": ("stream", "{'name': 'stdout'}"),
    "no text": ("stream", "{'name': 'stdout', 'text': 5}"),
    "no name": ("stream", "{'name': ['stdout'], 'text': 'x'}"),
    "empty": ("display_data", "{}"),
    "data no dictionary": ("display_data", "{'data': [1], 'metadata': {}}"),
    "metadata no dictionary": ("display_data", "{'data': {'text/plain': 'x'}, 'metadata': 3}"),
    "bundle of numbers": ("display_data", "{'data': {'text/plain': 7, 'image/png': 8}, 'metadata': {}}"),
    "transient no dictionary": ("display_data", "{'data': {}, 'metadata': {}, 'transient': [1]}"),
    "display id a list": ("display_data", "{'data': {}, 'metadata': {}, 'transient': {'display_id': [1]}}"),
    "count a text": ("execute_result", "{'data': {}, 'metadata': {}, 'execution_count': 'many'}"),
    "count missing": ("execute_result", "{'data': {}, 'metadata': {}}"),
    "input count": ("execute_input", "{'code': '1', 'execution_count': {'a': 1}}"),
    "error empty": ("error", "{}"),
    "traceback": ("error", "{'ename': 1, 'evalue': 2, 'traceback': 3}"),
    "state missing": ("status", "{}"),
    "state a list": ("status", "{'execution_state': []}"),
    "comm empty": ("comm_open", "{}"),
    "comm data": ("comm_msg", "{'comm_id': [], 'data': {'state': {}}}"),
    "comm state": ("comm_open", "{'comm_id': 'c', 'target_name': [], 'data': {'state': 3}}"),
    "comm buffers": ("comm_msg", "{'comm_id': 'c', 'data': {'state': {}, 'buffer_paths': 3}}"),
    "output widget": ("comm_open", "{'comm_id': '\\u2207', 'target_name': 'jupyter.widget', 'data': {'state': {"
                      "'_model_name': 'OutputModel', '_model_module': '@jupyter-widgets/output'}}}"),
    "kind": ("\\ud800", "{}"),
    "unknown kind": ("shutdown_reply", "{'status': 'ok', 'restart': True}"),
    "half a character": ("stream", "{'name': 'stdout', 'text': 'half \\ud800'}"),
    "not a number": ("display_data", "{'data': {'application/json': float('nan')}, 'metadata': {}}"),
    "deep": ("display_data", "{'data': {'application/json': nested(300)}, 'metadata': {}}"),
    "deeper": ("display_data", "{'data': {'application/json': nested(900)}, 'metadata': {}}"),
    "wide": ("display_data", "{'data': {str(n): '' for n in range(3000)}, 'metadata': {}}"),
}  # fmt: skip
RAW = {
    "no json": "b'{'",
    "a list": "b'[]'",
    "a number": "b'1' * 90000",
    "bottomless": "b'[' * 90000 + b']' * 90000",
    "bytes": "bytes(range(256))",
    "nothing": "b''",
}

SEND_RAW = """
import json

def nested(depth):
    value = "bottom"
    for _ in range(depth):
        value = {"a": value}
    return value

def send(*parts, signed=True):
    "Send the four parts of a message as they are."
    signature = session.sign(list(parts)) if signed else b"0" * 64
    throw([b"x", b"<IDS|MSG>", signature, *parts])

def throw(parts):
    "Send on the thread that sends all output: two threads on a socket would lose what the cell prints after this."
    kernel.iopub_thread.schedule(lambda: socket.send_multipart(parts))

def header(kind):
    return json.dumps({**session.msg_header(kind), "date": "today"}).encode()

parent = json.dumps(own, default=str).encode()
"""


def runs_on(grader: Grader, *cells: str) -> None:
    """Run hostile cells, each of which says at its end that it was there; see that all were, and what is written."""
    result = grader.run(*(f"{cell}\nprint('was here')" for cell in cells), limits=LIMITS)
    assert result.died == ""
    assert [place for place in range(len(cells)) if "was here" not in result.text(place)] == []
    notebook = nbformat.v4.new_notebook(cells=result.cells)
    written = nbformat.writes(notebook).encode()  # as a file has it
    nbformat.validate(nbformat.reads(written.decode(), as_version=4))


CONTENT = """
content = json.dumps({content}).encode()
own = kernel.get_parent()["header"]
parent = json.dumps(own, default=str).encode()
send(json.dumps({{**session.msg_header("x"), "msg_type": "{kind}"}}, default=str).encode(), parent, b"{{}}", content)"""


def test_contents_of_any_shape_stop_nothing(grader: Grader) -> None:
    cells = [CONTENT.format(kind=kind, content=content) for kind, content in CONTENTS.values()]
    runs_on(grader, FORGE + SEND_RAW, *cells)


def test_messages_that_are_none_stop_nothing(grader: Grader) -> None:
    cells = []
    for raw in RAW.values():
        for place in range(4):
            parts = ["header('stream')", "parent", "b'{}'", "b'{}'"]
            parts[place] = raw
            cells.append(f"send({', '.join(parts)})")
    cells += [
        "throw([b''])",
        "throw([b'x', b'<IDS|MSG>'])",
        "throw([b'x'] * 1000)",
        "throw([b'<IDS|MSG>'] * 1000)",
        'send(header(\'stream\'), parent, b\'{}\', b\'{"name": "stdout", "text": "forged"}\', signed=False)',
        "send(header('stream'), b'{\"msg_id\": [1]}', b'{}', b'{}')",
        "send(b'{\"msg_type\": 5, \"msg_id\": 1}', parent, b'{}', b'{}')",
        "send(b'{\"msg_type\": [1]}', parent, b'{}', b'{}')",
        "send(b'{}', parent, b'{}', b'{}')",
    ]
    again = "own = kernel.get_parent()['header']\nparent = json.dumps(own, default=str).encode()\n"
    together = [again + "\n".join(cells[start : start + 5]) for start in range(0, len(cells), 5)]
    runs_on(grader, FORGE + SEND_RAW, *together)


REPLIES = """
shell = kernel.shell_stream.socket
ident = kernel._parent_ident["shell"] if not isinstance(kernel._parent_ident, (list, bytes)) else kernel._parent_ident
ident = ident if isinstance(ident, list) else [ident]

def reply(head, content):
    parts = [head, parent, b"{}", content]
    shell.send_multipart([*ident, b"<IDS|MSG>", session.sign(parts), *parts])
"""


ANSWERS = (
    [("header('execute_reply')", "b'{}'"), ("header('execute_reply')", "b'[]'"), ("b'{'", "b'{}'"),
     ("header('execute_reply')", "b'[' * 90000"), ("header('execute_reply')", "b'{\"status\": \"error\"}'"),
     ("b'[]'", "b'{}'"), ("header('input_request')", "b'{\"prompt\": 5}'")]
)  # fmt: skip


def test_replies_of_any_shape_stop_nothing(grader: Grader) -> None:
    again = "own = kernel.get_parent()['header']\nparent = json.dumps(own, default=str).encode()\n"
    cells = [f"{again}reply({head}, {content})" for head, content in ANSWERS]
    result = grader.run(FORGE + SEND_RAW + REPLIES, *cells, "print('on')", "print('and on')", limits=LIMITS)
    assert result.died == ""
    assert result.text(-1) == "and on\n"

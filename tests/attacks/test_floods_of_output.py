"""Output without end: success would be a grader that takes it all into its memory, or a notebook that grows with it."""

import nbformat
import pytest

from tests.attacks.tools import MIB
from tests.sandboxes import Grader, Result

LIMIT = 100_000
LIMITS = {"output_bytes": LIMIT, "message_bytes": 2 * LIMIT, "cell_cpu_seconds": 4, "grace_seconds": 2,
          "notebook_wall_seconds": 25}  # fmt: skip
GROWTH = 160 * MIB
"""What the peak of the grader's memory may grow by: the queues of its sockets, not what was sent."""

FORGE = """
import threading, time, zmq
from jupyter_client.session import Session
kernel = get_ipython().kernel
socket = kernel.iopub_thread.socket
session = kernel.session
own = kernel.get_parent()["header"] if "header" in kernel.get_parent() else kernel.get_parent()

def forge(kind, content, parent=None, on=socket, ident=None):
    "Send a message as the kernel would, past all that counts in here."
    return Session.send(session, on, kind, content, parent={"header": parent or own}, ident=ident or b"x")
"""


def sizes(result: Result) -> list[int]:
    """Return how large the outputs of each cell are as they would be written to a file."""
    return [len(nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))) for cell in result.cells]


def held(grader: Grader, *cells: str, allowed: float = 2.5) -> Result:
    """Run cells that flood, and see that neither the notebook nor the grader has taken it in."""
    before = grader.run("1", limits=LIMITS).grader_bytes
    result = grader.run(*cells, "print('on')", limits=LIMITS, timeout=15)
    assert result.grader_bytes - before < GROWTH
    assert max(sizes(result)) < allowed * LIMIT + max(map(len, cells)) + 4000
    assert result.text(-1) == "on\n", (result.died, result.log)
    assert "cut off" in str(result.cells) or "cut off" not in str(cells)
    return result


def test_a_hundred_megabytes_in_any_way_are_cut_off(grader: Grader) -> None:
    result = held(
        grader,
        "print('x' * 100_000_000)",
        "for _ in range(100_000): print('x' * 1000)",
        "from IPython.display import HTML, display; display(HTML('x' * 100_000_000))",
        "for _ in range(2000): display(HTML('x' * 50_000))",
        "import sys; sys.stderr.write('x' * 100_000_000)",
        "'x' * 100_000_000",
        "!head -c 3000000 /dev/zero | tr '\\\\0' x",
    )
    assert "execut" not in " ".join(result.log)  # nbclient did not wait for a reply in vain
    cut = [place for place in range(5) if "cut off" in str(result.cells[place].outputs)]
    assert cut == [0, 1, 2, 3, 4]


def test_an_error_of_a_hundred_megabytes_ends_its_cell_alone(grader: Grader) -> None:
    """Its text is in the reply to the request as well, for which the grader waits."""
    result = grader.run("raise ValueError('x' * 100_000_000)", "print('on')", limits=LIMITS, timeout=10)
    assert result.error(0) == "ValueError" or "cut off" in result.text(0)
    assert result.text(1) == "on\n"
    assert not [line for line in result.log if "Timeout" in line]


@pytest.mark.parametrize(
    "flood",
    [
        "for _ in range(2500): forge('stream', {'name': 'stdout', 'text': 'x' * 150_000})",
        "for n in range(2500):\n"
        "    forge('stream', {'name': 'stdout', 'text': 'x' * 90_000})\n"
        "    forge('stream', {'name': 'stdout', 'text': ''}, parent={**own, 'msg_id': str(n)})",
        "for _ in range(2500): forge('display_data', {'data': {'text/html': 'x' * 150_000}, 'metadata': {}})",
        "for _ in range(2500): forge('error', {'ename': 'E', 'evalue': 'x' * 90_000, 'traceback': []})",
        "for n in range(2500): forge('status', {'execution_state': 'busy', 'execution_count': 'x' * 150_000})",
        "for n in range(2500):\n"
        "    forge('comm_open', {'comm_id': str(n), 'target_name': 'jupyter.widget',\n"
        "                        'data': {'state': {'x': 'x' * 90_000}}})",
    ],
    ids=["stream", "stream with other cells between", "display", "errors", "states", "widgets"],
)
def test_messages_that_the_kernel_did_not_count_are_counted_on_arrival(grader: Grader, flood: str) -> None:
    held(grader, FORGE + flood)


def test_one_output_shown_in_many_places_is_not_multiplied(grader: Grader) -> None:
    """An update of a display replaces each output of that name: a small message, many large outputs."""
    cell = """
for _ in range(300):
    forge("display_data", {"data": {"a": ""}, "metadata": {}, "transient": {"display_id": "d"}})
forge("update_display_data", {"data": {"text/plain": "x" * 60_000}, "metadata": {}, "transient": {"display_id": "d"}})
"""
    held(grader, FORGE + cell)


def test_one_message_of_many_parts_does_not_fill_the_grader(grader: Grader) -> None:
    """Each part is small enough; their number is what the size of a message does not bound."""
    cell = """
part = zmq.Frame(b"x" * 190_000, copy=False)
for n in range(3000):
    socket.send(part, zmq.SNDMORE, copy=False)
socket.send(b"end")
time.sleep(1)
"""
    before = grader.run("1").grader_bytes
    result = grader.run(FORGE + cell, "print('on')", limits=LIMITS, timeout=15)
    assert result.grader_bytes - before < GROWTH
    assert result.text(1) == "on\n" or "message" in " ".join(result.log)


def test_one_giant_part_is_not_read(grader: Grader) -> None:
    before = grader.run("1").grader_bytes
    result = grader.run(FORGE + "socket.send(b'x' * 300_000_000); time.sleep(0.5)", "print('on')", limits=LIMITS)
    assert result.grader_bytes - before < GROWTH
    assert max(sizes(result)) < 2 * LIMIT  # who speaks out of turn loses his own outputs, at worst


def test_channels_that_nobody_reads_do_not_fill(grader: Grader) -> None:
    cell = """
for channel in (kernel.control_stream.socket, kernel.stdin_socket, kernel.shell_stream.socket):
    for _ in range(600):
        channel.send_multipart([*kernel._parent_ident["shell"], b"x" * 190_000], zmq.DONTWAIT)
    print("sent", flush=True)
"""
    before = grader.run("1").grader_bytes
    result = grader.run(FORGE + cell, "print('on')", limits=LIMITS)
    assert result.grader_bytes - before < GROWTH
    assert result.text(0).startswith("sent\n")  # what nobody was sent could not fill anything


def test_an_output_widget_does_not_echo(grader: Grader) -> None:
    """The grader tells such a widget all its outputs again with each new one, over a channel that need not be read."""
    cell = """
forge("comm_open", {"comm_id": "w", "target_name": "jupyter.widget", "data": {"state": {
    "_model_name": "OutputModel", "_model_module": "@jupyter-widgets/output", "outputs": [], "msg_id": ""}}})
forge("comm_msg", {"comm_id": "w", "data": {"method": "update", "state": {"msg_id": own["msg_id"]}}})
for n in range(500):
    forge("display_data", {"data": {"text/plain": "x" * 100}, "metadata": {}})
time.sleep(1)
"""
    held(grader, FORGE + cell)

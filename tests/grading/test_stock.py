"""The test cell in a real kernel, read by nbgrader itself."""

import os
import textwrap
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.utils import determine_grade

from grading import examine

TOYS = Path(__file__).with_name("toys.py").read_text()
POINTS = 5
NOTEBOOK = {
    "right": "def double(x): return 2 * x",
    "wrong": "def double(x): return 3 * x",
    "partial": "def double(x): return 2 * x if np.ndim(x) else None",
    "nan": "def double(x): return x * np.nan",
    "missing": "pass",
    "raises": "def double(x): raise RuntimeError('no')",
    "exits": "def double(x): raise SystemExit",
    "blank": "def double(x): raise NotImplementedError",
    "warns": "def double(x): warnings.warn('careful'); return 2 * x",
    "warns as error": "warnings.simplefilter('error'); np.seterr(all='raise')\n"
    "def double(x): np.log(0 * x - 1); return 2 * x",
    "logs": "logging.basicConfig(stream=sys.stderr)\ndef double(x): logging.error('oh'); return 2 * x",
    "progress": "def double(x): return 2 * [x for _ in tqdm(range(9))][0]",
    "old progress": "bar = tqdm(total=10**6, mininterval=0)\ndef double(x): bar.update(); return 2 * x",
    "descriptor": "def double(x): os.write(2, b'C says so'); return 2 * x",
    "subprocess": "def double(x): os.system('echo out; echo err >&2'); return 2 * x",
    "prints": "def double(x): print('here', x); return 2 * x",
    "displays": "from IPython.display import *\ndef double(x): display(HTML('x')); clear_output(); return 2 * x",
    "draws": "import matplotlib.pyplot as plt\ndef double(x): plt.plot([1, 2]); plt.show(); plt.figure(); return 2 * x",
    "precision": "%precision 0\ndef double(x): return 2 * x if np.ndim(x) else None",
    "shows nothing": "get_ipython().ast_node_interactivity = 'none'\ndef double(x): return 3 * x",
    "shows all": "get_ipython().ast_node_interactivity = 'all'\ndef double(x): return 2 * x",
    "wanders": "def double(x): os.chdir('/'); os.environ['A'] = 'b'; globals()['new'] = 1; return 2 * x",
}
SCORES = {
    "wrong": 0, "nan": 0, "missing": 0, "raises": 0, "exits": 0, "blank": 0, "partial": 2.5, "precision": 2.5,
    "shows nothing": 0,
}  # fmt: skip
PREPARE = f"""
import logging, os, random, sys, warnings
import numpy as np
from tqdm import tqdm
exec({TOYS!r}, {{"__name__": "toys"}})
os.environ["GRADING_SEED"] = "3"
def state():
    names = {{name for name in globals() if name[0] != "_"}}
    return names, os.getcwd(), dict(os.environ), random.getstate(), str(np.random.get_state())
"""


@pytest.fixture(scope="module")
def cells() -> dict[str, nbformat.NotebookNode]:
    """Run every notebook of the table in one kernel: what one leaves behind would harm the next."""
    new = nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(cells=[new(PREPARE)])
    for name, source in NOTEBOOK.items():
        notebook.cells += [
            new(f"globals().pop('double', None)\n{source}"),
            new("before = state()"),
            new(
                "from grading import examine; examine('toy-double', globals())",
                metadata={"nbgrader": {"grade": True, "solution": False, "points": POINTS}, "name": name},
            ),
            new(
                "after = state()\n"
                "assert after[0] - before[0] <= {'before', 'examine'}\n"
                "assert after[1:] == before[1:]\n"
                "warnings.resetwarnings()"
            ),
        ]
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return {cell.metadata["name"]: cell for cell in notebook.cells if "name" in cell.metadata}


@pytest.mark.parametrize("name", NOTEBOOK)
def test_nbgrader_reads_the_score(cells, name):
    cell = cells[name]
    assert determine_grade(cell) == (SCORES.get(name, POINTS), POINTS)
    assert [output.output_type for output in cell.outputs] == ["stream", "execute_result"], cell.outputs
    assert cell.outputs[0].name == "stdout"
    assert cell.outputs[0].text.startswith("toy-double: ")
    assert "seed 3" in cell.outputs[0].text


def test_points_are_printed_with_reasons(cells):
    text = cells["partial"].outputs[0].text
    assert text == textwrap.dedent("""\
        toy-double: 2.5 of 5 points
          ✓ arrays (2.5)
          ✗ numbers (2.5)
              expected: the double of a number, one number
              came: None (is a return missing?)
          (seed 3)
        """)


def run_cells(*sources: str, timeout: int = 60) -> list[nbformat.NotebookNode]:
    """Run cells after the preparation, errors allowed, as nbgrader does."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in (PREPARE, *sources)])
    client = NotebookClient(notebook, timeout=timeout, allow_errors=True, interrupt_on_timeout=True)
    client.execute()
    return notebook.cells[1:]


def errors(cell: nbformat.NotebookNode) -> list[str]:
    return [output.ename for output in cell.outputs if output.output_type == "error"]


def test_machinery_fails_loudly_and_time_limits_end_an_exam():
    call = "from grading import examine; examine({!r}, globals())"
    *broken, endless, after = run_cells(
        call.format("no-such-exam"),
        call.format("toy-broken"),
        "os.environ['GRADING_SEED'] = '-1'\n" + call.format("toy-double"),
        "os.environ.pop('GRADING_SEED')\n"
        "def double(x):\n  try:\n    while True: pass\n  except KeyboardInterrupt: return 2 * x\n"
        + call.format("toy-double"),
        "def double(x): return 2 * x\n" + call.format("toy-double"),
        timeout=12,  # a busy machine takes seconds to import what an exam needs
    )
    for cell, text in zip(broken, ("no-such-exam", "toy-broken", "GRADING_SEED"), strict=True):
        assert errors(cell) == ["RuntimeError"]
        assert text in cell.outputs[-1].evalue
    assert "KeyboardInterrupt" in errors(endless)
    assert [output.output_type for output in after.outputs] == ["stream", "execute_result"]


def test_without_a_kernel(capsys, monkeypatch):
    exec(TOYS, {"__name__": "toys"})
    monkeypatch.setenv("GRADING_SEED", "7")
    namespace = {"double": lambda x: [print("noise"), os.write(1, b"noise"), 2 * x][-1]}
    names = dict(namespace)
    assert examine("toy-double", namespace) == POINTS
    assert namespace == names
    assert capsys.readouterr().out.splitlines()[0] == "toy-double: 5 of 5 points"


def test_a_fresh_seed_each_time(capsys, monkeypatch):
    exec(TOYS, {"__name__": "toys"})
    monkeypatch.delenv("GRADING_SEED", raising=False)
    for _ in range(2):
        examine("toy-double", {})
    seeds = [line for line in capsys.readouterr().out.splitlines() if "seed" in line]
    assert len(set(seeds)) == 2

"""Each notebook from top to bottom in a real kernel: as released, and with the reference solutions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grading.release import ROOT, parts
from helpers.checks.selfcheck import NOT_ATTEMPTED, PASSED
from tests.notebooks.kernel import Run, run
from tests.samples import read

PARTS = parts(ROOT)
CPU_BUDGET = {"part1": 2.0, "part2": 4.0, "part3": 6.0}
IMPORTS_AT_REST = {"part1": 1.8, "part2": 3.5, "part3": 3.5}  # torch and torchvision


@pytest.fixture(scope="module", params=PARTS)
def part(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def blank(part: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(read("release", part), tmp_path_factory.mktemp("blank"), LAB_BUDGET="grade")


@pytest.fixture(scope="module")
def reference(part: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(read("source", part), tmp_path_factory.mktemp("reference"), LAB_BUDGET="grade", GRADING_SEED="7")


def checks(executed: Run) -> list[str]:
    return [cell.id for cell in executed.notebook.cells if cell.id.startswith("check-")]


def test_every_self_check_of_a_blank_release_says_not_attempted(blank: Run) -> None:
    assert checks(blank)
    for name in checks(blank):
        assert NOT_ATTEMPTED in blank.output(name), f"{name}: {blank.output(name)}"


def test_a_blank_release_fails_by_nothing_but_what_is_to_be_written(blank: Run) -> None:
    for cell, error in blank.errors().items():
        assert error.startswith(("NotImplementedError", "NameError")), f"{cell}: {error}"


def test_the_reference_runs_without_an_error_or_a_warning(reference: Run) -> None:
    assert reference.errors() == {}
    for cell in reference.notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"{cell.id} warns: {output.text}"


def test_the_reference_passes_every_self_check(reference: Run) -> None:
    for name in checks(reference):
        assert PASSED in reference.output(name), f"{name}: {reference.output(name)}"


def test_the_reference_gets_every_point(reference: Run) -> None:
    for cell in reference.notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade") and not meta.solution:
            assert float(cell.outputs[-1].data["text/plain"]) == meta.points, reference.output(cell.id)


def test_cells_and_exams_keep_to_the_cpu_budget(part: str, reference: Run, tmp_path: Path) -> None:
    """CPU seconds after the imports, of a machine at rest.

    Other work on the machine stretches them, and the imports alike; what those take when it has nothing else to do
    is known.
    """

    def at_rest(executed: Run) -> float:
        return executed.cpu_seconds / max(1.0, executed.import_seconds / IMPORTS_AT_REST[part])

    seconds = [at_rest(reference)]
    while min(seconds) > CPU_BUDGET[part] and len(seconds) < 3:
        seconds.append(at_rest(run(read("source", part), tmp_path, LAB_BUDGET="grade")))
    assert min(seconds) <= CPU_BUDGET[part]


def test_figures_are_drawn(reference: Run) -> None:
    for cell in reference.notebook.cells:
        if cell.cell_type == "code" and "plots." in cell.source and "title=" in cell.source:
            pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
            assert len(pictures) == 1, f"{cell.id} shows {len(pictures)} figures"


def test_a_number_typed_in_place_of_a_budgets_holds(tmp_path: Path) -> None:
    notebook = read("source", "part1")
    keep = ["setup", "load-data", "split", "scale", "mlp-from-scratch", "train-mlp"]
    notebook.cells = [cell for cell in notebook.cells if cell.id in keep]
    notebook.cells[-1].source = notebook.cells[-1].source.replace("budget.epochs", "5")
    executed = run(notebook, tmp_path, NBGRADER_EXECUTION="autograde")
    assert "5 epochs" in executed.output("train-mlp")


def first_cell(part: str) -> str:
    (cell,) = (cell for cell in read("release", part).cells if cell.id == "setup")
    return cell.source


def run_without_helpers(source: str, folder: Path) -> subprocess.CompletedProcess:
    """Run the first cell where `helpers` can't be imported and pip only notes what it is asked for."""
    (folder / "cell.py").write_text(source, encoding="utf-8")
    (folder / "driver.py").write_text(
        "import subprocess, sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'helpers':\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "def note(command, **_):\n"
        "    print(command[1:])\n"
        "    sys.exit(0)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "subprocess.run = note\n"
        "exec(compile(open('cell.py', encoding='utf-8').read(), 'cell.py', 'exec'))\n",
        encoding="utf-8",
    )
    return subprocess.run(
        [sys.executable, "driver.py"], cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False
    )


def test_a_copy_without_an_address_says_so(part: str, tmp_path: Path) -> None:
    done = run_without_helpers(first_cell(part), tmp_path)
    assert done.returncode == 1
    assert "does not know its own address yet" in done.stderr
    assert "pip install ./helpers" in done.stderr


def test_a_library_that_is_missing_is_named_as_it_is(part: str, tmp_path: Path) -> None:
    """Where `helpers` is there and something that it needs is not, the cell does not pretend otherwise."""
    source = first_cell(part).replace(
        "import helpers  # noqa: F401", "raise ModuleNotFoundError('numpy', name='numpy')"
    )
    done = run_without_helpers(source, tmp_path)
    assert "ModuleNotFoundError: numpy" in done.stderr
    assert "address" not in done.stderr


def test_on_colab_the_archive_of_the_tag_is_installed_and_nothing_else(part: str, tmp_path: Path) -> None:
    unset = "/".join(["OWNER", "REPO"])
    done = run_without_helpers(first_cell(part).replace(unset, "somebody/digits"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'--no-deps'" in done.stdout
    assert "https://github.com/somebody/digits/archive/refs/tags/v" in done.stdout
    assert "#subdirectory=helpers" in done.stdout

"""What students hand in: a right notebook, damaged in the ways that editors, archives and people damage notebooks."""

import copy
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import nbformat

from tests.samples import Cells, notebook_path, solution_cells
from tests.samples.submissions import fill

PART = "part1"
NAME = notebook_path("release", PART).name
BLANK = "*Write your answer here, in place of this line.*"
ANSWERS = {
    "discuss-scaling": "The fellow student lets the test set leak: π ≈ 3.",
    "discuss-batch-size": "Small batches make more steps an epoch 🙂.",
    "discuss-cost": "I would ship the network.",
}
FULL = {"test-mlp-forward": 8.0, "bonus-k-fold": 6.0}

Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A damaged submission that can be graded, and what should come of it.

    Attributes
    ----------
    make : callable
        Makes the submission's files of the right notebook.
    notices : tuple of str
        A pattern for each notice, in any order.
    points : dict
        What the cheap exams should give.
    answers : dict
        The written answers that should be graded by a person, by a pattern for each.
    reordered : bool
        Whether the student has moved cells, so that they need not stand in the order of the release.
    """

    name: str
    make: Callable[[Document], dict[str, bytes]]
    notices: tuple[str, ...] = ()
    points: dict[str, float] = field(default_factory=lambda: FULL)
    answers: dict[str, str] = field(default_factory=lambda: {name: re.escape(text) for name, text in ANSWERS.items()})
    reordered: bool = False


@dataclass(frozen=True)
class Hopeless:
    """A submission that can't be graded, and a pattern for the reason that the student is told."""

    name: str
    make: Callable[[Document], dict[str, bytes]]
    reason: str


CASES: list[Case] = []
HOPELESS: list[Hopeless] = []


@cache
def right_cells() -> Cells:
    """Return the reference solutions and written answers."""
    return solution_cells("source", PART) | ANSWERS


def document(cells: Cells | None = None) -> Document:
    """Return the released notebook filled with right answers, or others, as plain data."""
    made = json.loads(nbformat.writes(fill(PART, right_cells() if cells is None else cells)))
    for cell in made["cells"]:
        cell["source"] = "".join(cell["source"])
    return made


def dump(made: Any, encoding: str = "utf-8", **options: Any) -> bytes:
    return json.dumps(made, **{"ensure_ascii": False, "indent": 1, **options}).encode(encoding)


def by_id(made: Document, name: str) -> Document:
    """Return a cell by its id."""
    (cell,) = (cell for cell in made["cells"] if cell.get("id") == name)
    return cell


def place_of(made: Document, name: str) -> int:
    return made["cells"].index(by_id(made, name))


def own(text: str, kind: str = "code") -> Document:
    """Return a cell of a student's own."""
    cell: Document = {"cell_type": kind, "id": f"s{abs(hash(text)) % 10**9}", "metadata": {}, "source": text}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def zipped(files: dict[str, bytes], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def case(*notices: str, **expected: Any) -> Callable[[Callable], Callable]:
    """Register a function that changes the right notebook, or returns files in its place."""

    def register(damage: Callable[[Document], Any]) -> Callable:
        CASES.append(Case(damage.__name__, _maker(damage), notices, **expected))
        return damage

    return register


def hopeless(reason: str) -> Callable[[Callable], Callable]:
    """Register a function that makes something that can't be graded."""

    def register(damage: Callable[[Document], Any]) -> Callable:
        HOPELESS.append(Hopeless(damage.__name__, _maker(damage), reason))
        return damage

    return register


def _maker(damage: Callable[[Document], Any]) -> Callable[[Document], dict[str, bytes]]:
    def make(made: Document) -> dict[str, bytes]:
        result = damage(made)
        if isinstance(result, dict):
            return result
        return {NAME: result if isinstance(result, bytes) else dump(made)}

    return make


LOST_MARKS = r"\d+ cells had lost their marks, as happens in some editors, and could be recognised all the same\."


# --- editors ------------------------------------------------------------------------------------------------------
@case()
def untouched(made: Document) -> None:
    pass


@case()
def colab_keeps_marks(made: Document) -> None:
    made["nbformat_minor"] = 0
    made["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    for number, cell in enumerate(made["cells"]):
        cell["metadata"] |= {"id": f"Xy{number}_z", "colab": {"base_uri": "https://localhost:8080/"}}
        del cell["id"]


@case(LOST_MARKS)
def colab_loses_marks(made: Document) -> None:
    colab_keeps_marks(made)
    for cell in made["cells"]:
        cell["metadata"].pop("nbgrader", None)


@case()
def vscode(made: Document) -> None:
    for number, cell in enumerate(made["cells"]):
        cell["id"] = f"#VSC-{number:08x}"
        cell["metadata"]["vscode"] = {"languageId": "python" if cell["cell_type"] == "code" else "markdown"}


@case()
def kaggle(made: Document) -> None:
    made["metadata"] = {"kaggle": {"accelerator": "none", "dataSources": []}, "kernelspec": {"language": "python"}}
    made["nbformat_minor"] = 4
    for cell in made["cells"]:
        del cell["id"]
        cell["metadata"] |= {"trusted": True, "_uuid": "8f2839f25d086af7"}
        if cell["cell_type"] == "code":
            cell["metadata"]["execution"] = {"iopub.status.busy": "2026-11-25T03:07:00Z"}
            cell["execution_count"] = 7


@case()
def nbformat_without_ids(made: Document) -> None:
    made["nbformat_minor"] = 4
    for cell in made["cells"]:
        del cell["id"]


@case()
def nbformat_3_with_worksheets(made: Document) -> dict[str, bytes]:
    old = nbformat.convert(nbformat.from_dict(made), 3)
    assert "worksheets" in old
    return {NAME: dump(old)}


@case()
def nbformat_of_the_future(made: Document) -> None:
    made |= {"nbformat": 5, "nbformat_minor": 99}


@case()
def version_missing(made: Document) -> None:
    del made["nbformat"], made["nbformat_minor"], made["metadata"]


@case()
def sources_as_lists(made: Document) -> None:
    for cell in made["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


@case()
def sources_as_lists_without_line_ends(made: Document) -> None:
    for cell in made["cells"]:
        cell["source"] = cell["source"].splitlines()


@case(r"The notebook was made for R; it was run as Python\.")
def kernel_of_r(made: Document) -> None:
    made["metadata"] = {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}


@case(r"The notebook was made for julia; it was run as Python\.")
def kernel_of_julia(made: Document) -> None:
    made["metadata"] = {"kernelspec": {"name": "julia-1.10"}, "language_info": {"name": "julia"}}


@case()
def kernel_of_a_conda_environment(made: Document) -> None:
    made["metadata"]["kernelspec"] = {"name": "conda-env-ml-py", "language": "python", "display_name": "ml"}


# --- marks --------------------------------------------------------------------------------------------------------
@case(LOST_MARKS)
def all_metadata_stripped(made: Document) -> None:
    for cell in made["cells"]:
        del cell["id"]
        cell["metadata"] = {}


@case(LOST_MARKS, answers={"discuss-cost": "ship the network"})
def all_metadata_stripped_and_some_answers_blank(made: Document) -> None:
    for name in ("discuss-scaling", "discuss-batch-size"):
        by_id(made, name)["source"] = BLANK
    all_metadata_stripped(made)


@case(LOST_MARKS)
def all_metadata_missing(made: Document) -> None:
    for cell in made["cells"]:
        del cell["id"], cell["metadata"]


@case()
def ids_lost(made: Document) -> None:
    for cell in made["cells"]:
        del cell["id"]


@case()
def marks_lost(made: Document) -> None:
    for cell in made["cells"]:
        cell["metadata"] = {}


@case()
def all_ids_the_same(made: Document) -> None:
    for cell in made["cells"]:
        cell["id"] = "setup"


@case()
def ids_of_wrong_types(made: Document) -> None:
    for number, cell in enumerate(made["cells"]):
        cell["id"] = [number, None, {"a": 1}, 1.5, "ä ö", "x" * 100][number % 6]


@case()
def marks_of_wrong_types(made: Document) -> None:
    by_id(made, "mlp-from-scratch")["metadata"]["nbgrader"]["grade_id"] = ["mlp-from-scratch"]
    by_id(made, "test-mlp-init")["metadata"]["nbgrader"]["points"] = "four"
    by_id(made, "test-mlp-forward")["metadata"]["nbgrader"] = "test-mlp-forward"
    by_id(made, "k-fold")["metadata"] = None
    by_id(made, "discuss-cost")["metadata"] = ["nbgrader"]
    by_id(made, "discuss-scaling")["metadata"]["nbgrader"] = {"grade_id": {"a": []}, "schema_version": "old"}
    by_id(made, "setup")["metadata"]["nbgrader"]["locked"] = None


@case()
def a_mark_that_nobody_knows(made: Document) -> None:
    made["cells"].insert(3, own("x = 1"))
    made["cells"][3]["metadata"]["nbgrader"] = {
        "grade_id": "bonus-for-me",
        "grade": True,
        "points": 50,
        "locked": False,
    }


@case()
def claims_of_points(made: Document) -> None:
    for cell in made["cells"]:
        if marks := cell["metadata"].get("nbgrader"):
            marks |= {"points": 1000, "grade": True, "locked": False, "solution": False, "checksum": "0" * 32}
        else:
            cell["metadata"]["nbgrader"] = {"grade_id": cell["id"], "grade": True, "points": 1000, "schema_version": 3}


@case(r"The cell mlp-from-scratch was there 2 times; all of them were run, in their order\.")
def a_cell_that_claims_another_ones_mark(made: Document) -> None:
    by_id(made, "discuss-cost")["metadata"]["nbgrader"]["grade_id"] = "discuss-scaling"
    by_id(made, "test-mlp-forward")["metadata"]["nbgrader"]["grade_id"] = "test-mlp-init"
    copied = own(by_id(made, "k-fold")["source"])
    copied["metadata"] = copy.deepcopy(by_id(made, "mlp-from-scratch")["metadata"])
    made["cells"].append(copied)


# --- copies -------------------------------------------------------------------------------------------------------
def doubled(made: Document, name: str, text: str | None = None, *, above: bool = False) -> Document:
    """Copy a cell as JupyterLab does, with its marks and a new id; return the copy."""
    copied = copy.deepcopy(by_id(made, name))
    copied["id"] = "copied"
    if text is not None:
        copied["source"] = text
    made["cells"].insert(place_of(made, name) + (not above), copied)
    return copied


TWICE = r"The cell mlp-from-scratch was there 2 times; all of them were run, in their order\."


@case(TWICE)
def solution_copied_and_the_copy_finished(made: Document) -> None:
    doubled(made, "mlp-from-scratch")
    by_id(made, "mlp-from-scratch")["source"] = "class MLPFromScratch:\n    def forward(self, X):\n        return 1"


@case(TWICE)
def solution_copied_above_as_a_backup(made: Document) -> None:
    doubled(made, "mlp-from-scratch", "class MLPFromScratch:\n    pass", above=True)


@case(TWICE)
def solution_copied_to_the_end_and_broken_there(made: Document) -> None:
    made["cells"].remove(copied := doubled(made, "mlp-from-scratch", "class MLPFromScratch:\n    pass"))
    made["cells"].append(copied)


@case()
def old_code_kept_as_raw(made: Document) -> None:
    doubled(made, "mlp-from-scratch", "class MLPFromScratch:\n    pass", above=True)["cell_type"] = "raw"


@case()
def test_copied(made: Document) -> None:
    doubled(made, "test-mlp-forward")


@case(r"The cell discuss-cost was there 2 times; the last one with an answer counts\.")
def answer_copied_and_rewritten(made: Document) -> None:
    by_id(made, "discuss-cost")["source"] = "A first try."
    doubled(made, "discuss-cost", ANSWERS["discuss-cost"])


@case(r"The cell discuss-cost was there 2 times; the last one with an answer counts\.")
def answer_copied_and_the_copy_left_blank(made: Document) -> None:
    doubled(made, "discuss-cost", BLANK)


@case()
def ids_doubled(made: Document) -> None:
    by_id(made, "discuss-cost")["id"] = "setup"
    by_id(made, "load-data")["id"] = "mlp-from-scratch"


# --- cells that are gone or changed -------------------------------------------------------------------------------
@case(r"The cell test-mlp-forward was missing and was put back\.")
def test_deleted(made: Document) -> None:
    made["cells"].remove(by_id(made, "test-mlp-forward"))


@case(*[r"The cell (test|bonus)-[a-z-]+ was missing and was put back\."] * 14)
def all_tests_deleted(made: Document) -> None:
    made["cells"] = [cell for cell in made["cells"] if not cell["id"].startswith(("test-", "bonus-"))]


@case(
    r"The cell discuss-cost was missing and was put back\.",
    answers={name: re.escape(ANSWERS[name]) for name in ("discuss-scaling", "discuss-batch-size")},
)
def answer_deleted(made: Document) -> None:
    made["cells"].remove(by_id(made, "discuss-cost"))


@case(points={"test-mlp-forward": 0.0, "bonus-k-fold": 6.0})
def solution_deleted(made: Document) -> None:
    made["cells"].remove(by_id(made, "mlp-from-scratch"))


@case(r"The cell setup was missing and was put back\.")
def setup_deleted(made: Document) -> None:
    made["cells"].remove(by_id(made, "setup"))


@case(*[r"The cell [a-z-]+ was missing and was put back\."] * 15)
def only_the_solutions_and_answers_left(made: Document) -> None:
    made["cells"] = [cell for cell in made["cells"] if cell["id"] in right_cells()]


CHANGED = r"The cell {} had been changed; its given text counts, and what was written there stands above it\."


@case(CHANGED.format("test-mlp-forward"))
def test_changed(made: Document) -> None:
    by_id(made, "test-mlp-forward")["source"] = "pass"


@case(CHANGED.format("test-mlp-forward"))
def solution_written_into_a_test(made: Document) -> None:
    by_id(made, "test-mlp-forward")["source"] += "\n" + by_id(made, "mlp-from-scratch")["source"]
    by_id(made, "mlp-from-scratch")["source"] = "# see below"


@case(CHANGED.format("setup"))
def imports_added_to_the_setup(made: Document) -> None:
    by_id(made, "setup")["source"] += "\nimport statistics as mine"
    by_id(made, "k-fold")["source"] += "\nmine.mean([1, 2])\n_fold = k_fold_scores"


@case(r"The cell discuss-cost-question had been changed; its given text counts\.")
def question_shortened(made: Document) -> None:
    question = by_id(made, "discuss-cost-question")
    question["source"] = question["source"].splitlines()[0]


@case(r"The answer discuss-cost was found in the cell above its place\.")
def answer_written_below_the_question(made: Document) -> None:
    by_id(made, "discuss-cost-question")["source"] += "\n\n" + ANSWERS["discuss-cost"]
    by_id(made, "discuss-cost")["source"] = BLANK


@case(r"The answer discuss-cost was found in the cell above its place\.")
def answer_merged_with_its_question(made: Document) -> None:
    by_id(made, "discuss-cost-question")["source"] += "\n\n" + ANSWERS["discuss-cost"]
    made["cells"].remove(by_id(made, "discuss-cost"))


@case(r"The answer discuss-cost was found in the cell below its place\.")
def answer_written_in_a_new_cell(made: Document) -> None:
    by_id(made, "discuss-cost")["source"] = BLANK
    made["cells"].insert(place_of(made, "discuss-cost") + 1, own(ANSWERS["discuss-cost"], "markdown"))


@case(r"1 cell had lost its mark, as happens in some editors, and could be recognised all the same\.")
def answer_replaced_by_a_new_cell(made: Document) -> None:
    made["cells"][place_of(made, "discuss-cost")] = own(ANSWERS["discuss-cost"], "markdown")


@case(r"The cell test-mlp-forward had become markdown; it is code again\.")
def test_turned_into_text(made: Document) -> None:
    turn(by_id(made, "test-mlp-forward"), "markdown")


@case(
    r"The cell mlp-from-scratch had become markdown; it is code again\.",
    r"The cell k-fold had become raw; it is code again\.",
    r"The cell discuss-cost had become code; it is markdown again\.",
    r"The cell discuss-scaling had become raw; it is markdown again\.",
)
def answers_turned_into_other_kinds(made: Document) -> None:
    turn(by_id(made, "mlp-from-scratch"), "markdown")
    turn(by_id(made, "k-fold"), "raw")
    turn(by_id(made, "discuss-cost"), "code")
    turn(by_id(made, "discuss-scaling"), "raw")


def turn(cell: Document, kind: str) -> None:
    cell["cell_type"] = kind
    for name in ("outputs", "execution_count"):
        cell.pop(name, None)


@case(CHANGED.format("discuss-cost-question"))
def something_written_below_the_question_as_well(made: Document) -> None:
    by_id(made, "discuss-cost-question")["source"] += "\n\nI had to think about this."


@case()
def kinds_that_nobody_knows(made: Document) -> None:
    by_id(made, "discuss-cost")["cell_type"] = "text"
    by_id(made, "k-fold")["cell_type"] = None
    by_id(made, "summary")["cell_type"] = ["markdown"]


# --- cells that were split, merged, moved -------------------------------------------------------------------------
def split(made: Document, name: str, line: str) -> tuple[str, str]:
    """Split a cell's text before the first line that begins so."""
    text = by_id(made, name)["source"]
    middle = re.search(rf"^ *{line}", text, re.M).start()
    return text[:middle], text[middle:]


@case()
def class_in_two_cells(made: Document) -> None:
    first, second = split(made, "mlp-from-scratch", r"def forward")
    by_id(made, "mlp-from-scratch")["source"] = first
    rest = "class MLPFromScratch(MLPFromScratch):\n" + second
    made["cells"].insert(place_of(made, "mlp-from-scratch") + 1, own(rest))


@case(*[r"The cell test-[a-z-]+ was missing and was put back\."] * 8)
def class_in_two_cells_and_its_tests_deleted(made: Document) -> None:
    class_in_two_cells(made)
    first = place_of(made, "mlp-from-scratch")
    del made["cells"][first + 2 : place_of(made, "train-mlp-text")]


@case(LOST_MARKS)
def class_in_two_cells_and_all_metadata_stripped(made: Document) -> None:
    class_in_two_cells(made)
    all_metadata_stripped(made)


@case(TWICE)
def class_split_by_an_editor_that_copies_marks(made: Document) -> None:
    first, second = split(made, "mlp-from-scratch", r"def forward")
    doubled(made, "mlp-from-scratch", "class MLPFromScratch(MLPFromScratch):\n" + second)
    by_id(made, "mlp-from-scratch")["source"] = first


@case(r"The cell test-mlp-init was missing and was put back\.")
def solution_and_test_merged(made: Document) -> None:
    test = by_id(made, "test-mlp-init")
    by_id(made, "mlp-from-scratch")["source"] += "\n\n" + test["source"]
    made["cells"].remove(test)


@case(CHANGED.format("test-mlp-forward"))
def solution_merged_into_a_test(made: Document) -> None:
    solution, test = by_id(made, "mlp-from-scratch"), by_id(made, "test-mlp-forward")
    test["source"] += "\n\n" + solution["source"]
    made["cells"].remove(solution)


@case(CHANGED.format("setup"))
def all_code_merged_into_the_setup(made: Document) -> None:
    solutions = [by_id(made, name) for name in right_cells() if name not in ANSWERS]
    by_id(made, "setup")["source"] += "\n\n" + "\n\n".join(cell["source"] for cell in solutions)
    made["cells"] = [cell for cell in made["cells"] if cell not in solutions]


@case(
    *[r"The test (test|bonus)-[a-z-]+ stood above the code that it tests; it was moved\."] * 14,
    reordered=True,
)
def solution_moved_to_the_end(made: Document) -> None:
    cell = by_id(made, "mlp-from-scratch")
    made["cells"].remove(cell)
    made["cells"].append(cell)


@case(
    *[r"The test (test|bonus)-[a-z-]+ stood above the code that it tests; it was moved\."] * 14,
    reordered=True,
)
def cells_in_reverse(made: Document) -> None:
    made["cells"].reverse()


@case()
def extra_cells_everywhere(made: Document) -> None:
    cells = []
    for number, cell in enumerate(made["cells"]):
        cells += [own(f"extra_{number} = {number}"), cell, own(f"A note on {number}.", "markdown")]
    made["cells"] = cells


@case()
def cells_that_are_no_cells(made: Document) -> None:
    made["cells"][5:5] = [None, 1, "text", [], {}, {"cell_type": "code"}, {"source": {"a": 1}}, {"source": [1, None]}]


# --- what is in cells ---------------------------------------------------------------------------------------------
@case()
def outputs_of_fifty_megabytes(made: Document) -> None:
    text = "0123456789" * 400_000
    for cell in made["cells"][2:40]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    assert len(dump(made)) > 50_000_000


@case()
def outputs_of_wrong_types(made: Document) -> None:
    for number, cell in enumerate(made["cells"]):
        if cell["cell_type"] == "code":
            cell["outputs"] = [None, "text", {"a": 1}, [1], 5][number % 5]
            cell["execution_count"] = "seven"


@case()
def attachments(made: Document) -> None:
    by_id(made, "discuss-cost")["attachments"] = {"plot.png": {"image/png": "iVBORw0KGgo="}}
    by_id(made, "discuss-scaling")["attachments"] = ["no", "attachments"]
    by_id(made, "discuss-batch-size")["attachments"] = {"a": 1, "b": {"text/html": "<script>"}, "c": {"image/png": 5}}
    by_id(made, "k-fold")["attachments"] = {"plot.png": {"image/png": "iVBORw0KGgo="}}


@case()
def tabs(made: Document) -> None:
    for name in ("mlp-from-scratch", "k-fold"):
        by_id(made, name)["source"] = by_id(made, name)["source"].replace("    ", "\t")


@case()
def nul_bytes(made: Document) -> None:
    for cell in made["cells"]:
        cell["source"] = cell["source"].replace("\n", "\n\0")


@case()
def lone_surrogates(made: Document) -> dict[str, bytes]:
    by_id(made, "k-fold")["source"] += "\n# \ud83d"
    by_id(made, "discuss-cost")["source"] += " \udc00"
    return {NAME: dump(made, "ascii", ensure_ascii=True)}


@case()
def emoji_as_escapes(made: Document) -> dict[str, bytes]:
    return {NAME: dump(made, "ascii", ensure_ascii=True)}


# --- the file -----------------------------------------------------------------------------------------------------
@case()
def byte_order_mark(made: Document) -> bytes:
    return b"\xef\xbb\xbf" + dump(made)


@case()
def utf_16(made: Document) -> bytes:
    return dump(made, "utf-16")


@case()
def utf_16_without_mark(made: Document) -> bytes:
    return dump(made, "utf-16-le")


@case(answers={**dict.fromkeys(ANSWERS, ""), "discuss-scaling": "für Größe"})
def western_windows(made: Document) -> bytes:
    by_id(made, "discuss-scaling")["source"] = "für Größe"
    return dump(made).decode().encode("cp1252", "xmlcharrefreplace")


@case(answers={**dict.fromkeys(ANSWERS, ""), "discuss-scaling": "für π"})
def one_bad_byte(made: Document) -> bytes:
    by_id(made, "discuss-scaling")["source"] = "f@r π"
    return dump(made).replace(b"f@r", b"f\xfcr")


@case()
def windows_line_ends(made: Document) -> bytes:
    for cell in made["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    return dump(made).replace(b"\n", b"\r\n")


@case()
def old_mac_line_ends(made: Document) -> bytes:
    for cell in made["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r")
    return dump(made).replace(b"\n", b"\r")


@case()
def raw_line_ends_in_strings(made: Document) -> bytes:
    return re.sub(rb"(?<!\\)\\n", b"\n", dump(made))


@case()
def nan_and_infinity(made: Document) -> None:
    made["metadata"]["loss"] = [float("nan"), float("inf"), -float("inf"), 10**30]


@case()
def numbers_without_end(made: Document) -> bytes:
    return dump(made).replace(b'"nbformat_minor": 5', b'"nbformat_minor": ' + b"9" * 10_000)


@case()
def keys_twice(made: Document) -> bytes:
    return dump(made).replace(b'"cell_type"', b'"cell_type": "raw", "cell_type"')


@case(r"Behind the end of the notebook, its file held something else, which was left out\.")
def rest_of_an_older_file_behind_it(made: Document) -> bytes:
    return dump(made) + b'\n "nbformat": 4}\n'


@case()
def padded_with_nul(made: Document) -> bytes:
    return dump(made) + b"\0" * 4096


@case()
def metadata_nested_deeply(made: Document) -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"deeper": [deep]}
    made["metadata"]["deep"] = deep
    for cell in made["cells"]:
        cell["metadata"]["deep"] = deep


# --- names and folders --------------------------------------------------------------------------------------------
@case(r"The notebook was handed in as meine_Lösung \(1\)\.ipynb; it was taken for part1_mlp_and_svm\.ipynb\.")
def renamed(made: Document) -> dict[str, bytes]:
    return {"meine_Lösung (1).ipynb": dump(made)}


@case(r"The notebook was handed in as part1_mlp_and_svm\.ipynb\.txt; .*")
def renamed_by_a_browser(made: Document) -> dict[str, bytes]:
    return {"part1_mlp_and_svm.ipynb.txt": dump(made), "data.csv": b"1,2"}


@case(r"The notebook was handed in as _script_alert\(1\)__script_\.ipynb; .*")
def renamed_to_a_script(made: Document) -> dict[str, bytes]:
    return {"<script>alert(1)<|script>.ipynb": dump(made)}


@case(r"There were 2 notebooks; part1_mlp_and_svm\.ipynb was graded\.")
def two_notebooks(made: Document) -> dict[str, bytes]:
    return {"a_draft.ipynb": dump(document({})), NAME: dump(made)}


@case(r"There were 2 notebooks; part1 \(1\)\.ipynb was graded\.", r"The notebook was handed in as part1 \(1\)\.ipynb.*")
def the_blank_notebook_and_the_answered_one(made: Document) -> dict[str, bytes]:
    return {NAME: dump(document({})), "part1 (1).ipynb": dump(made)}


@case(r"There were 2 notebooks; .*", r"The notebook was handed in as z\.ipynb.*")
def a_cut_off_notebook_and_a_whole_one(made: Document) -> dict[str, bytes]:
    return {NAME: dump(made)[:5000], "z.ipynb": dump(made)}


@case()
def in_a_folder(made: Document) -> dict[str, bytes]:
    return {f"part1/work/{NAME}": dump(made), "part1/notes.txt": b"x"}


@case()
def with_an_editors_backup(made: Document) -> dict[str, bytes]:
    return {
        f".ipynb_checkpoints/{NAME[:-6]}-checkpoint.ipynb": dump(document({})),
        f"__MACOSX/._{NAME}": b"\0\5\x16\7",
        f"._{NAME}": b"\0\5\x16\7",
        NAME: dump(made),
    }


@case(r"The notebook was taken out of the archive Ada Lovelace_12345_assignsubmission_file_\.zip\.")
def zip_of_moodle(made: Document) -> dict[str, bytes]:
    inside = {f"Ada Lovelace_12345_assignsubmission_file_/{NAME}": dump(made), f"__MACOSX/._{NAME}": b"\0"}
    return {"Ada Lovelace_12345_assignsubmission_file_.zip": zipped(inside)}


@case(r"The notebook was handed in as lovelaceada_4711_98765_part1_mlp_and_svm-1\.ipynb; .*")
def names_of_canvas(made: Document) -> dict[str, bytes]:
    return {"lovelaceada_4711_98765_part1_mlp_and_svm-1.ipynb": dump(made)}


@case(r"The notebook was taken out of the archive submissions\.zip\.", r"The notebook was handed in as lovelaceada_.*")
def zip_of_canvas(made: Document) -> dict[str, bytes]:
    return {"submissions.zip": zipped({"lovelaceada_LATE_4711_98765_part1_mlp_and_svm.ipynb": dump(made)})}


@case(r"The notebook was taken out of the archive outer\.zip\.")
def zip_in_a_zip(made: Document) -> dict[str, bytes]:
    return {"outer.zip": zipped({"inner.zip": zipped({NAME: dump(made)})})}


@case(r"The notebook was taken out of the archive part1_mlp_and_svm\.ipynb\.zip\.")
def zip_called_notebook(made: Document) -> dict[str, bytes]:
    return {NAME: zipped({NAME: dump(made)})}


@case(r"The notebook was taken out of the archive x\.zip\.")
def zip_with_paths_that_lead_out(made: Document) -> dict[str, bytes]:
    return {"x.zip": zipped({f"../../../etc/{NAME}": dump(made), "/etc/passwd": b"root"})}


@case(r"The notebook was taken out of the archive x\.zip\.")
def zip_of_windows(made: Document) -> dict[str, bytes]:
    return {"x.zip": zipped({f"Users\\ada\\{NAME}": dump(made)})}


@case()
def an_archive_that_is_broken_beside_the_notebook(made: Document) -> dict[str, bytes]:
    return {NAME: dump(made), "x.zip": b"PK\3\4 broken"}


@case(points={"test-mlp-forward": 0.0, "bonus-k-fold": 0.0}, answers={})
def blank_release(made: Document) -> bytes:
    return dump(document({}))


# --- beyond repair ------------------------------------------------------------------------------------------------
@hopeless(r"There is no notebook in the submission\. It is empty\. Please hand in part1_mlp_and_svm\.ipynb\.")
def empty_folder(made: Document) -> dict[str, bytes]:
    return {}


@hopeless(r"It holds report\.pdf, timestamp\.txt\.")
def no_notebook(made: Document) -> dict[str, bytes]:
    return {"report.pdf": b"%PDF", "timestamp.txt": b"2026-11-25 12:00:00 UTC"}


@hopeless("There is no notebook")
def backups_only(made: Document) -> dict[str, bytes]:
    return {f".ipynb_checkpoints/{NAME}": dump(made), f"__MACOSX/{NAME}": dump(made)}


@hopeless("empty file")
def empty_file(made: Document) -> bytes:
    return b""


@hopeless("empty file")
def only_nul(made: Document) -> bytes:
    return b"\0" * 100_000


@hopeless(r"damaged or cut off at line \d+")
def cut_off(made: Document) -> bytes:
    return dump(made)[:20_000]


@hopeless("not a notebook, though its name says so")
def script(made: Document) -> bytes:
    return b"import numpy as np\nprint(np.pi)\n"


@hopeless("a web page")
def web_page(made: Document) -> bytes:
    return b"\n<!DOCTYPE html>\n<html><head></head></html>"


@hopeless("no Jupyter notebook")
def a_list(made: Document) -> bytes:
    return dump(made["cells"])


@hopeless("no Jupyter notebook, or one without cells")
def no_cells(made: Document) -> bytes:
    return b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@hopeless("no Jupyter notebook")
def cells_as_a_dictionary(made: Document) -> None:
    made["cells"] = dict(enumerate(made["cells"]))


@hopeless("git left the marks of a merge conflict")
def merge_conflict(made: Document) -> bytes:
    lines = json.dumps(made, indent=1).splitlines()
    return "\n".join([*lines[:40], "<<<<<<< HEAD", *lines[40:50], "=======", ">>>>>>> theirs", *lines[50:]]).encode()


@hopeless("nested too deeply")
def nested_deeply(made: Document) -> bytes:
    return b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@hopeless(r"none of the tasks of part1 \(part1_mlp_and_svm\.ipynb\)")
def another_assignment(made: Document) -> bytes:
    other = by_id(made, "setup")
    mark = {"grade_id": "test-cnn", "grade": True, "solution": False, "locked": True, "points": 5, "schema_version": 3}
    test = own("# test-cnn · 5 points") | {"metadata": {"nbgrader": mark}}
    return dump({**made, "cells": [own("# Part II", "markdown"), other, own("class ConvNet:\n    pass"), test]})


@hopeless(r"too large \(7\d MiB\)")
def notebook_of_seventy_megabytes(made: Document) -> None:
    by_id(made, "summary")["source"] = "x" * 75_000_000


@hopeless("too large")
def brackets_without_end(made: Document) -> bytes:
    return b'{"cells": [' + b"[]," * 8_000_000 + b"[]]}"


@hopeless("has 30110 cells")
def cells_without_end(made: Document) -> None:
    made["cells"] += [{"cell_type": "code"}] * 30_000


@hopeless(r"The archive x\.zip can't be opened: it is damaged\.")
def broken_archive(made: Document) -> dict[str, bytes]:
    return {"x.zip": zipped({NAME: dump(made)})[:9000]}


@hopeless(r"The archive x\.zip can't be opened: it is damaged\.")
def archive_with_a_wrong_byte(made: Document) -> dict[str, bytes]:
    content = bytearray(zipped({NAME: dump(made)}))
    content[2000:2010] = b"0123456789"
    return {"x.zip": bytes(content)}


@hopeless("protected by a password")
def locked_archive(made: Document) -> dict[str, bytes]:
    content = bytearray(zipped({NAME: dump(made)}))
    for mark, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        content[content.index(mark) + place] |= 1
    return {"x.zip": bytes(content)}


@hopeless("packed in a way that is not supported")
def archive_packed_otherwise(made: Document) -> dict[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(NAME, dump(made))
    return {"x.zip": buffer.getvalue()}


@hopeless("what it holds is larger than 64 MiB")
def zip_bomb(made: Document) -> dict[str, bytes]:
    return {"x.zip": zipped({NAME: b" " * (65 << 20)})}


@hopeless("empty file")
def zip_bomb_of_many(made: Document) -> dict[str, bytes]:
    return {"x.zip": zipped({f"{number}.ipynb": b" " * (20 << 20) for number in range(4)})}


@hopeless("There is no notebook|damaged")
def zip_bomb_in_a_zip_in_a_zip(made: Document) -> dict[str, bytes]:
    bomb = zipped({NAME: b" " * (65 << 20)})
    return {"x.zip": zipped({"y.zip": zipped({"z.zip": bomb})})}


@hopeless("it is damaged")
def zip_that_lies_about_its_size(made: Document) -> dict[str, bytes]:
    content = bytearray(zipped({NAME: b" " * (65 << 20)}))
    for mark, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        start = content.index(mark) + place
        content[start : start + 4] = (1000).to_bytes(4, "little")
    return {"x.zip": bytes(content)}


@hopeless("holds too many files")
def zip_of_many_files(made: Document) -> dict[str, bytes]:
    return {"x.zip": zipped({f"{number}.txt": b"" for number in range(2100)})}

"""What the exams of Part I are worth: right solutions keep every point, one mistake costs its own cells alone."""

import contextlib
import io
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from grading.exam import Exam, Verdict, load_exams, run
from grading.handle import in_process
from tests.samples import ROOT, Cells, exchange, namespace, read, read_cells, solution_cells
from tests.samples.part1.mutants import MUTANTS, Mutant
from tests.samples.part1.styles import STYLES, Style
from tests.samples.submissions import classroom

sys.path.insert(0, str(Path(__file__).parents[1]))

from lying import lying_sessions

PART = "grading.exams.part1"
EXAMS: dict[str, Exam] = {key: exam for key, exam in load_exams().items() if exam.module.startswith(PART)}
REFERENCE: Cells = solution_cells("source", "part1")
RIGHT = sorted((ROOT / "tests" / "samples" / "part1" / "right").glob("*.py"))


@pytest.fixture(autouse=True)
def single_threaded():
    """Keep waiting threads of a matrix product from counting as processor time, and the cores for other tests."""
    with threadpool_limits(1):
        yield


# The test cells of each task; those of another task never depend on it (`test_tasks_are_independent`).
TESTS_OF = {
    "mlp-from-scratch": [key for key in EXAMS if key.startswith("test-mlp-")],
    "batch-size-study": ["test-batch-size-study"],
    "svm-grid-search": ["test-svm-grid-search"],
    "sklearn-wrapper": ["test-sklearn-wrapper"],
    "compare-classifiers": ["test-compare-classifiers"],
    "k-fold": ["bonus-k-fold"],
    "classical-baselines": ["bonus-classical-baselines"],
}


def names_of(cells: Cells) -> dict[str, object]:
    names = namespace("part1", cells)
    assert "_errors" not in names, names["_errors"]
    return names


@cache
def reference() -> dict[str, object]:
    return names_of(REFERENCE)


def verdicts(names: dict[str, object], exam_ids: list[str], seed: int = 0) -> dict[str, Verdict]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return {key: run(EXAMS[key], in_process(names), seed) for key in exam_ids}


def lost(results: dict[str, Verdict]) -> set[str]:
    return {key for key, verdict in results.items() if verdict.score < verdict.points}


def told(results: dict[str, Verdict], exam_ids: set[str]) -> str:
    return "\n".join(line for key in sorted(exam_ids) for line in results[key].lines())


def keeps_all(names: dict[str, object], exam_ids: list[str], seed: int = 0) -> None:
    results = verdicts(names, exam_ids, seed)
    assert not lost(results), told(results, lost(results))


def points_of_cells() -> dict[str, float]:
    graders = (cell.metadata.get("nbgrader", {}) for cell in read("source", "part1").cells if cell.cell_type == "code")
    return {grader["grade_id"]: grader["points"] for grader in graders if grader.get("grade")}


# --- right solutions ----------------------------------------------------------------------------------------------


def test_every_test_cell_has_its_exam():
    assert {key: exam.points for key, exam in EXAMS.items()} == points_of_cells()
    assert sorted(EXAMS) == sorted(key for keys in TESTS_OF.values() for key in keys)


@pytest.mark.parametrize("seed", [0, 2186567311])  # at the second one the loss of the wrong labels does not fall
def test_labels_of_others_cost_their_own_idea_alone(seed):
    (student,) = (student for student in classroom("part1") if student.name == "hiro")
    cells = {name: student.cells.get(name, source) for name, source in REFERENCE.items()}
    verdict = verdicts(names_of(cells), ["test-mlp-train"], seed)["test-mlp-train"]
    assert verdict.points - verdict.score == student.lost["test-mlp-train"]


@pytest.mark.parametrize("seed", range(5))
def test_reference_keeps_every_point(seed):
    keeps_all(reference(), list(EXAMS), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5, 50))
def test_no_seed_takes_points_from_the_reference(seed):
    keeps_all(reference(), list(EXAMS), seed)


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_other_right_solutions_keep_every_point(path):
    keeps_all(names_of(read_cells(path)), list(EXAMS))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 10))
@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_no_seed_takes_points_from_right_solutions(path, seed):
    keeps_all(names_of(read_cells(path)), list(EXAMS), seed)


def styled(style: Style) -> dict[str, object]:
    if style.source is not None:
        return names_of({**REFERENCE, style.cell: style.source})
    return names_of(exchange(REFERENCE, style.cell, *style.passages))


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_unusual_styles_keep_every_point(style):
    keeps_all(styled(style), TESTS_OF[style.cell])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_unusual_styles_keep_every_point_of_all_cells(style, seed):
    keeps_all(styled(style), list(EXAMS), seed)


# --- what is not attempted ----------------------------------------------------------------------------------------


def test_blank_release_earns_nothing():
    for verdict in verdicts(names_of(solution_cells("release", "part1")), list(EXAMS)).values():
        assert verdict.score == 0, verdict.lines()
        assert {reason.kind for reason in verdict.reasons} == {"not attempted"}, verdict.lines()


@pytest.mark.parametrize("cell", TESTS_OF)
def test_tasks_are_independent(cell):
    blank = solution_cells("release", "part1")[cell]
    results = verdicts(names_of({**REFERENCE, cell: blank}), list(EXAMS))
    assert lost(results) == set(TESTS_OF[cell]), told(results, lost(results) - set(TESTS_OF[cell]))


# --- mistakes -----------------------------------------------------------------------------------------------------


def costs_what_it_must(mutant: Mutant, exam_ids: list[str], seed: int) -> None:
    results = verdicts(names_of(exchange(REFERENCE, mutant.cell, *mutant.passages)), exam_ids, seed)
    missed, spilt = mutant.loses - lost(results), lost(results) - mutant.loses
    assert not missed, f"{mutant.why}: keeps all points of {sorted(missed)}"
    assert not spilt, f"{mutant.why}: costs points elsewhere\n{told(results, spilt)}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_costs_its_own_cells_alone(mutant):
    costs_what_it_must(mutant, TESTS_OF[mutant.cell], seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_costs_its_own_cells_alone_for_any_seed(mutant, seed):
    costs_what_it_must(mutant, list(EXAMS), seed)


# --- ideas and their points ---------------------------------------------------------------------------------------


@cache
def split(exam_id: str) -> tuple[float, ...]:
    return tuple(reason.points for reason in verdicts(reference(), [exam_id])[exam_id].reasons)


@pytest.mark.parametrize("exam_id", EXAMS)
def test_no_idea_takes_over_half(exam_id):
    points = split(exam_id)
    assert sum(points) == EXAMS[exam_id].points
    assert len(points) == 1 or max(points) <= sum(points) / 2


@pytest.mark.parametrize("exam_id", [key for key in EXAMS if len(split(key)) > 1])
def test_docstring_names_the_split(exam_id):
    _, found, text = (EXAMS[exam_id].function.__doc__ or "").partition("Split:")
    assert found, "no line that begins with Split:"
    named = Counter(re.findall(r"(?<![\w.±/])\d+(?:\.\d+)?(?![\w.]*\w)", text))
    assert not Counter(f"{points:g}" for points in split(exam_id)) - named, (split(exam_id), text)


# --- lies ---------------------------------------------------------------------------------------------------------


def survives_lies(exam_id: str, runs: int, seed: int) -> None:
    exam = EXAMS[exam_id]
    for lie in lying_sessions(lambda: names_of(REFERENCE), exam, runs=runs, seed=seed):
        verdict = lie.verdict
        assert 0 <= verdict.score <= exam.points, (lie.place, lie.kind)
        assert sum(reason.points for reason in verdict.reasons) == pytest.approx(exam.points), (lie.place, lie.kind)


@pytest.mark.parametrize("exam_id", EXAMS)
def test_a_lie_ends_in_a_verdict(exam_id):
    survives_lies(exam_id, runs=8, seed=sum(map(ord, exam_id)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("exam_id", EXAMS)
def test_many_lies_end_in_verdicts(exam_id, seed):
    survives_lies(exam_id, runs=100, seed=seed)

"""What the exams are worth: right solutions keep every point, one mistake costs its own cells alone."""

import contextlib
import io
import re
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from grading.exam import _EXAMS, Exam, Verdict, find, run
from grading.handle import in_process
from tests.samples import exchange, names_of, read, read_cells, solution_cells
from tests.samples.cases import Mutant, Style
from tests.samples.catalogue import BASE, MUTANTS, PARTS, REFERENCE, RIGHT, STYLES, TESTS_OF, exams_of, reference
from tests.samples.submissions import classroom

sys.path.insert(0, str(Path(__file__).parents[1]))

from lying import lying_sessions

pytestmark = pytest.mark.usefixtures("weights_of_grading")
EXAMS: dict[str, Exam] = {exam_id: find(exam_id) for part in PARTS for exam_id in exams_of(part)}
each_part = pytest.mark.parametrize("part", PARTS)
each_right_solution = pytest.mark.parametrize("path", RIGHT, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
each_style = pytest.mark.parametrize(("part", "style"), STYLES, ids=[f"{part}-{style.name}" for part, style in STYLES])
each_mutant = pytest.mark.parametrize(("part", "mutant"), MUTANTS, ids=[f"{part}-{m.name}" for part, m in MUTANTS])


def verdicts(names: dict[str, object], exam_ids: Sequence[str], seed: int = 0) -> dict[str, Verdict]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return {key: run(EXAMS[key], in_process(names), seed) for key in exam_ids}


def lost(results: dict[str, Verdict]) -> set[str]:
    return {key for key, verdict in results.items() if verdict.score < verdict.points}


def told(results: dict[str, Verdict], exam_ids: set[str]) -> str:
    return "\n".join(line for key in sorted(exam_ids) for line in results[key].lines())


def keeps_all(names: dict[str, object], exam_ids: Sequence[str], seed: int = 0) -> None:
    results = verdicts(names, exam_ids, seed)
    assert not lost(results), told(results, lost(results))


def points_of_cells(part: str) -> dict[str, float]:
    graders = (cell.metadata.get("nbgrader", {}) for cell in read("source", part).cells if cell.cell_type == "code")
    return {grader["grade_id"]: grader["points"] for grader in graders if grader.get("grade")}


# --- right solutions ----------------------------------------------------------------------------------------------


@each_part
def test_every_test_cell_has_its_exam(part):
    exams = {key: exam for key, exam in _EXAMS.items() if exam.module.startswith(f"grading.exams.{part}")}
    assert {key: exam.points for key, exam in exams.items()} == points_of_cells(part)
    assert sorted(exams) == sorted(exams_of(part))


@pytest.mark.parametrize("seed", [0, 2186567311])  # at the second one the loss of the wrong labels does not fall
def test_labels_of_others_cost_their_own_idea_alone(seed):
    (student,) = (student for student in classroom("part1") if student.name == "hiro")
    cells = {name: student.cells.get(name, source) for name, source in REFERENCE["part1"].items()}
    verdict = verdicts(names_of("part1", cells), ["test-mlp-train"], seed)["test-mlp-train"]
    assert verdict.points - verdict.score == student.lost["test-mlp-train"]


@each_part
@pytest.mark.parametrize("seed", range(5))
def test_reference_keeps_every_point(part, seed):
    keeps_all(reference(part), exams_of(part), seed)


@pytest.mark.slow
@each_part
@pytest.mark.parametrize("seed", range(5, 50))
def test_no_seed_takes_points_from_the_reference(part, seed):
    keeps_all(reference(part), exams_of(part), seed)


@each_right_solution
def test_other_right_solutions_keep_every_point(path):
    part = path.parts[-3]
    keeps_all(names_of(part, read_cells(path)), exams_of(part))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 10))
@each_right_solution
def test_no_seed_takes_points_from_right_solutions(path, seed):
    part = path.parts[-3]
    keeps_all(names_of(part, read_cells(path)), exams_of(part), seed)


def styled(part: str, style: Style) -> dict[str, object]:
    if style.source is not None:
        return names_of(part, {**BASE[part], style.cell: style.source})
    return names_of(part, exchange(BASE[part], style.cell, *style.passages))


@each_style
def test_unusual_styles_keep_every_point(part, style):
    keeps_all(styled(part, style), TESTS_OF[part][style.cell])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@each_style
def test_unusual_styles_keep_every_point_of_all_cells(part, style, seed):
    keeps_all(styled(part, style), exams_of(part), seed)


# --- what is not attempted ----------------------------------------------------------------------------------------


@each_part
def test_blank_release_earns_nothing(part):
    for verdict in verdicts(names_of(part, solution_cells("release", part)), exams_of(part)).values():
        assert verdict.score == 0, verdict.lines()
        assert {reason.kind for reason in verdict.reasons} == {"not attempted"}, verdict.lines()


@pytest.mark.parametrize(("part", "cell"), [(part, cell) for part in PARTS for cell in TESTS_OF[part]])
def test_tasks_are_independent(part, cell):
    blank = solution_cells("release", part)[cell]
    results = verdicts(names_of(part, {**REFERENCE[part], cell: blank}), exams_of(part))
    assert lost(results) == set(TESTS_OF[part][cell]), told(results, lost(results) - set(TESTS_OF[part][cell]))


# --- mistakes -----------------------------------------------------------------------------------------------------


def costs_what_it_must(part: str, mutant: Mutant, exam_ids: Sequence[str], seed: int) -> None:
    results = verdicts(names_of(part, exchange(BASE[part], mutant.cell, *mutant.passages)), exam_ids, seed)
    missed, spilt = mutant.loses - lost(results), lost(results) - mutant.loses
    assert not missed, f"{mutant.why}: keeps all points of {sorted(missed)}"
    assert not spilt, f"{mutant.why}: costs points elsewhere\n{told(results, spilt)}"


@each_mutant
def test_a_mistake_costs_its_own_cells_alone(part, mutant):
    costs_what_it_must(part, mutant, TESTS_OF[part][mutant.cell], seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@each_mutant
def test_a_mistake_costs_its_own_cells_alone_for_any_seed(part, mutant, seed):
    costs_what_it_must(part, mutant, exams_of(part), seed)


# --- ideas and their points ---------------------------------------------------------------------------------------


def part_of(exam_id: str) -> str:
    return next(part for part in PARTS if exam_id in exams_of(part))


@cache
def split(exam_id: str) -> tuple[float, ...]:
    return tuple(reason.points for reason in verdicts(reference(part_of(exam_id)), [exam_id])[exam_id].reasons)


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
    exam, part = EXAMS[exam_id], part_of(exam_id)
    for lie in lying_sessions(lambda: names_of(part, REFERENCE[part]), exam, runs=runs, seed=seed):
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

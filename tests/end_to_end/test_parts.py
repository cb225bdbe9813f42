"""The sample class of each part, from source to gradebook by the real command line."""

from pathlib import Path

import pytest

from grading.gradebook import submissions
from grading.release import build, nbgrader
from tests.end_to_end.test_course import copy_course
from tests.end_to_end.test_engine import SEED, engine
from tests.samples.demo import surprises
from tests.samples.submissions import PARTS, classroom, write


@pytest.fixture
def course(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A course with the sample class of a part handed in."""
    part, every = (request.node.callspec.params.get(name) for name in ("part", "every"))
    root = copy_course(tmp_path, part)
    build(part, root)
    write(part, root, classroom(part)[:: every or 1])
    return root


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("part", PARTS[1:])  # Part I's class is that of test_engine
def test_the_engine_gives_every_cell_its_score(part: str, course: Path, every: int) -> None:
    run = engine(course, "run", part, "--seed", SEED)
    assert run.returncode == 0, run.stdout + run.stderr
    assert surprises(part, classroom(part)[::every], submissions(part, course)) == []
    assert "look at this" not in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_stock_nbgrader_gives_every_cell_its_score(part: str, course: Path) -> None:
    nbgrader("autograde", part, root=course)
    assert surprises(part, classroom(part), submissions(part, course)) == []

"""A course with its release and nobody in it, which the tests of the engine share."""

from pathlib import Path

import pytest

from grading.engine import assignment as assignments
from grading.engine.assignment import Assignment
from grading.release import nbgrader
from tests.end_to_end.test_course import copy_course
from tests.grading.engine.damaged import PART


@pytest.fixture(scope="session")
def blank_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_course(tmp_path_factory.mktemp("blank-course"))
    nbgrader("generate_assignment", PART, root=root)
    return root


@pytest.fixture(scope="session")
def assignment(blank_course: Path) -> Assignment:
    return assignments.load(PART, blank_course)

"""Building a release: the address that is filled in, leaks that are found, staleness that is noticed."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook

from grading.release import ROOT, FillInAddress, build, course_address, differences, leaks, nbgrader


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of one tiny part, with this project's settings."""
    for name in ("nbgrader_config.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    write(tmp_path, "### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION")
    return tmp_path


def write(root: Path, source: str) -> None:
    settings = {
        "grade": False,
        "grade_id": "task",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    cells = [
        new_markdown_cell("Version @TAG@ of @REPOSITORY@", id="title"),
        new_code_cell(source, id="task", metadata={"nbgrader": settings}),
    ]
    path = root / "source" / "tiny" / "tiny.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)


def test_the_release_knows_its_address_and_version(course: Path) -> None:
    """Its own, not that of the checkout which the tests run in."""
    settings = course / "pyproject.toml"
    text = settings.read_text(encoding="utf-8").replace('version = "', 'version = "9')
    settings.write_text(text, encoding="utf-8")
    (path,) = build("tiny", course)
    title = nbformat.read(path, as_version=4).cells[0].source
    assert title == f"Version {course_address(course)['@TAG@']} of {course_address(course)['@REPOSITORY@']}"
    assert title.startswith("Version v9")


def test_the_tag_is_the_version_of_the_project() -> None:
    import grading
    import helpers

    assert course_address(ROOT)["@TAG@"] == f"v{helpers.__version__}"
    assert grading.__name__ == "grading"


def test_marks_are_filled_in_wherever_they_stand() -> None:
    notebook = new_notebook(cells=[new_code_cell("x = '@TAG@ @TAG@'"), new_markdown_cell("@REPOSITORY@")])
    filled, _ = FillInAddress().preprocess(notebook, {})
    assert "@" not in "".join(cell.source for cell in filled.cells)


@pytest.mark.parametrize(
    "source",
    [
        "### BEGIN SOLUTION",
        "### END HIDDEN TESTS",
        "### BEGIN MARK SCHEME",
        '__import__("grading").examine("test-x", globals())',
        "from grading import examine",
        "import grading.exams.part1",
        "about @QUICK_MINUTES@",
    ],
)
def test_leaks_are_found(source: str, tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("fine"), new_markdown_cell(source, id="bad")]), path)
    (finding,) = leaks(path)
    assert "cell bad" in finding


def test_an_output_is_a_leak(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    cell = new_code_cell("1", id="shown", outputs=[new_output("stream", text="1")])
    nbformat.write(new_notebook(cells=[cell]), path)
    assert leaks(path) == ["n.ipynb, cell shown: an output"]


def test_ordinary_words_are_no_leak(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    text = "Your grading is fair. We examine the data. BEGIN here, find the SOLUTION."
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), path)
    assert leaks(path) == []


def test_a_release_with_a_leak_is_refused(course: Path) -> None:
    write(course, "# see grading.exams\n### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION")
    with pytest.raises(RuntimeError, match=r"cell task: 'grading\.exams'"):
        build("tiny", course)
    assert not (course / "release").exists()


def test_a_change_of_the_source_makes_the_release_stale(course: Path) -> None:
    build("tiny", course)
    assert differences("tiny", course) == []
    write(course, "### BEGIN SOLUTION\nanswer = 43\n### END SOLUTION\nprint('new')")
    assert differences("tiny", course) == ["release/tiny/tiny.ipynb differs"]


def test_a_stray_file_makes_the_release_stale(course: Path) -> None:
    build("tiny", course)
    (course / "release" / "tiny" / "notes.txt").write_text("solutions", encoding="utf-8")
    assert differences("tiny", course) == ["release/tiny/notes.txt differs"]


def test_a_failure_of_nbgrader_ends_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="generate_assignment nothing"):
        nbgrader("generate_assignment", "nothing", root=tmp_path)


def known(database: Path) -> list[str]:
    with Gradebook(f"sqlite:///{database}") as gradebook:
        return [assignment.name for assignment in gradebook.assignments]


def test_the_gradebook_that_is_named_gets_to_know_the_release(course: Path) -> None:
    build("tiny", course, f"sqlite:///{course / 'other.db'}")
    assert known(course / "other.db") == ["tiny"]
    assert not (course / "gradebook.db").exists()


def test_a_look_at_the_release_leaves_the_configured_gradebook_alone(course: Path) -> None:
    with (course / "nbgrader_config.py").open("a", encoding="utf-8") as file:
        file.write(f"\nc.CourseDirectory.db_url = 'sqlite:///{course / 'configured.db'}'\n")
    differences("tiny", course)
    assert not (course / "configured.db").exists()
    build("tiny", course)
    assert known(course / "configured.db") == ["tiny"]


def test_a_failure_of_nbgrader_shows_no_password(course: Path) -> None:
    with pytest.raises(RuntimeError, match=r"nohost\.invalid") as caught:
        build("tiny", course, "postgresql+psycopg2://ada:secret@nohost.invalid/x")
    assert "secret" not in str(caught.value)

"""The documentation is tested: links resolve, commands and variables exist, nothing names a machine."""

import functools
import importlib.util
import itertools
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[a-z]*/README.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
BASH = re.compile(r"^[ \t]*```bash\n(.*?)^[ \t]*```", re.M | re.S)
FENCE = re.compile(r"^[ \t]*```.*?^[ \t]*```", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
# Programs whose options are not ours to check.
OTHERS = {"jupyter", "conda", "pre-commit", "papermill"}
PLACEHOLDER = "/".join(("OWNER", "REPO"))


def texts() -> list:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in PAGES]


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def commands(path: Path) -> list[str]:
    """Return the lines of a page's bash blocks."""
    blocks = BASH.findall(path.read_text(encoding="utf-8"))
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), flags=re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@functools.cache
def repository_files() -> list[Path]:
    """Return what git tracks or would track, without what is generated."""
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        pytest.skip("needs a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name and not name.startswith("release/")]
    return [path for path in paths if path.is_file()]


# --- links --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", texts())
def test_links_lead_somewhere(path):
    broken = []
    for link in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_of_the_docs_is_linked():
    linked = {
        (path.parent / link.partition("#")[0]).resolve()
        for path in PAGES
        for link in LINK.findall(prose(path))
        if not re.match(r"[a-z]+:|#", link)
    }
    assert [path for path in (ROOT / "docs").rglob("*.md") if path not in linked] == []


# --- commands -----------------------------------------------------------------------------------------------------


@functools.cache
def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.M))


def make_targets(arguments: list[str]) -> list[str]:
    return [word for word in arguments if "=" not in word and not word.startswith("-")]


@pytest.mark.parametrize("path", texts())
def test_make_targets_in_the_text_exist(path):
    # `make …` in code, with or without variables before or behind it.
    spans = re.findall(r"`([^`\n]*\bmake [^`\n]+)`", prose(path))
    named = {name for span in spans for name in make_targets(shlex.split(span.partition("make ")[2]))}
    assert named - targets() == set()


@functools.cache
def dry_run(words: tuple[str, ...]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    run = subprocess.run(["make", "-n", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def check_make(arguments: list[str]) -> None:
    assert set(make_targets(arguments)) <= targets()
    if shutil.which("make"):
        dry_run(tuple(arguments))


def check_nbgrader(arguments: list[str]) -> None:
    from nbgrader.apps import NbGraderApp

    assert arguments[0] in NbGraderApp.subcommands, f"nbgrader has no {arguments[0]}"
    app = NbGraderApp.subcommands[arguments[0]][0]()
    known = set(app.flags) | set(app.aliases)
    for option in (word.lstrip("-").partition("=")[0] for word in arguments if word.startswith("--")):
        assert option in known or "." in option, f"nbgrader {arguments[0]} has no --{option}"


def check_module(arguments: list[str]) -> None:
    module, *rest = arguments
    found = importlib.util.find_spec(module)
    assert found, f"there is no module {module}"
    if found.submodule_search_locations:
        assert importlib.util.find_spec(f"{module}.__main__"), f"python -m {module} runs nothing"
    if module == "grading":
        check_grading(rest)


def check_grading(arguments: list[str]) -> None:
    from typer.main import get_command

    from grading.__main__ import app

    subcommands = get_command(app).commands  # type: ignore[attr-defined]
    assert arguments[0] in subcommands, f"python -m grading has no {arguments[0]}"
    known = {option for parameter in subcommands[arguments[0]].params for option in parameter.opts}
    assert {word.partition("=")[0] for word in arguments if word.startswith("--")} <= known


def check_command(line: str) -> None:
    words = shlex.split(line)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):  # variables for this one command
        words.pop(0)
    program, *arguments = words
    if program == "make":
        check_make(arguments)
    elif program == "nbgrader":
        check_nbgrader(arguments)
    elif program in ("python", "python3"):
        assert arguments[0] == "-m", "only modules are run"
        check_module(arguments[1:])
    elif program == "pip":
        assert arguments[0] in ("install", "download", "wheel")
    elif program == "git":
        assert re.fullmatch(r"[a-z-]+", arguments[0])
    else:
        assert program in OTHERS, f"{program} is no program that the docs may use"
    for word in arguments:  # files that a command names
        if re.match(r"(release|source|helpers|grading|tests|docs)/|\./", word):
            assert (ROOT / word).exists(), f"{word} does not exist"


@pytest.mark.parametrize("path", texts())
def test_commands_exist(path):
    for line in commands(path):
        try:
            check_command(line)
        except AssertionError as error:
            raise AssertionError(f"{line!r}: {error}") from error


@pytest.mark.parametrize(
    "line",
    ["make nonsense", "nbgrader formgrader", "nbgrader autograde --nonsense", "python -m nonsense", "frobnicate"],
)
def test_a_command_that_does_not_exist_is_noticed(line):
    with pytest.raises(AssertionError):
        check_command(line)


def test_commands_are_found_at_all():
    assert commands(ROOT / "README.md")[:2] == ["make demo", "make test"]
    assert sum(len(commands(path)) for path in PAGES) > 15


# --- names --------------------------------------------------------------------------------------------------------


def test_variables_in_the_docs_are_read_by_the_code():
    code = {
        "LAB": "".join(path.read_text(encoding="utf-8") for path in (ROOT / "helpers").rglob("*.py")),
        "GRADING": "".join(path.read_text(encoding="utf-8") for path in (ROOT / "grading").rglob("*.py")),
    }
    named = {
        name for path in PAGES for name in re.findall(r"\b(?:LAB|GRADING)_[A-Z]+\b", path.read_text(encoding="utf-8"))
    }
    assert {"LAB_DATA", "LAB_CACHE", "LAB_BUDGET", "LAB_DEVICE", "GRADING_SEED"} <= named
    assert sorted(name for name in named if f'"{name}"' not in code[name.partition("_")[0]]) == []


def test_checksums_in_the_docs_are_those_of_the_code():
    from helpers.sources import FASHION_MNIST, MNIST

    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| `([0-9a-f]{32})` \| `([0-9a-f]{32})` \|$", page, flags=re.M)
    assert {file: md5 for file, md5, _ in rows} == MNIST.md5
    assert {file: md5 for file, _, md5 in rows} == FASHION_MNIST.md5
    assert [mirror for mirror in (*MNIST.mirrors, *FASHION_MNIST.mirrors) if mirror not in page] == []


def test_the_limits_in_the_docs_are_those_of_the_policy():
    from grading.sandbox.policy import Limits

    page = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert {name: int(most) for name, most in re.findall(r"^\| `(\w+)` \| (\d+) \|", page, flags=re.M)} == (
        Limits().as_dict()
    )


def test_the_seconds_of_a_cell_in_the_guides_are_those_of_the_policy():
    from grading.sandbox.policy import Limits

    limits = Limits()
    student, instructor = ((ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("student", "instructor"))
    cell = f"{limits.cell_cpu_seconds} seconds of computing"
    assert f"A single cell has {cell}, and {limits.cell_wall_seconds} by the clock." in student
    assert f"A cell has {cell} and an exam {limits.exam_cpu_seconds} " in instructor


def test_the_readme_and_the_executed_page_show_the_same_numbers():
    text, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/part1.md"))
    found = re.search(r"<!-- measured: make figures -->\n(Measured by .*?)\n<!-- end measured -->", text, flags=re.S)
    assert found
    assert "| Part I | `quick` | `full` |" in found[1]
    assert found[1] in page


@pytest.mark.parametrize("part", sorted(path.stem for path in (ROOT / "docs").glob("part*.md")))
def test_the_executed_page_is_of_the_present_notebook(part):
    """Titles and words of the page are the notebook's; where they are not, run `make figures` again."""
    from tests.samples import read

    page = (ROOT / "docs" / f"{part}.md").read_text(encoding="utf-8")
    cells = read("source", part).cells
    for cell, following in itertools.pairwise(cells):
        if cell.cell_type == "code" and (title := re.search(r'title="([^"]+)"', cell.source)):
            picture = f"![{title[1]}](figures/{part}/{cell.id}.png)"
            assert f"## {title[1]}\n\n{picture}\n\n{following.source}" in page, cell.id


def test_the_versions_agree():
    import tomllib

    projects = [tomllib.loads((folder / "pyproject.toml").read_text("utf-8")) for folder in (ROOT, ROOT / "helpers")]
    versions = {project["project"]["version"] for project in projects}
    versions |= set(re.findall(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text("utf-8"), flags=re.M))
    assert len(versions) == 1
    assert f"## {versions.pop()}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_address_of_the_course_stands_in_one_place():
    holders = [
        path.relative_to(ROOT).as_posix()
        for path in repository_files()
        if path.suffix not in (".png", ".gz") and PLACEHOLDER in path.read_text(encoding="utf-8", errors="ignore")
    ]
    assert [name for name in holders if name != "pyproject.toml"] == []


@pytest.mark.parametrize("path", texts())
def test_no_page_names_a_folder_of_somebodys_machine(path):
    found = re.findall(
        r"(?<![\w.:/~<>])/(?:home|Users|root|work|tmp|mnt|opt|usr|var)\b[^\s`]*", path.read_text("utf-8")
    )
    assert found == []

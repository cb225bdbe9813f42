"""What students install holds the helpers, and nothing of the instructors'."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import helpers

SOURCE = Path(helpers.__file__).parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Build the wheel from a copy, so that no build folder stays in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "helpers"
    subprocess.run(["cp", "-r", str(SOURCE), str(copy)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    done = subprocess.run([*command, "-w", str(folder), str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_the_package_alone(wheel):
    code = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in code} == {"helpers"}
    assert all(name.endswith((".py", "py.typed")) for name in code), code
    assert not any(part in name for name in code for part in ("grading", "source/", "pyproject", "test_"))


def test_the_wheel_holds_every_module(wheel):
    modules = {f"helpers/{path.relative_to(SOURCE).as_posix()}" for path in SOURCE.rglob("*.py")}
    modules = {name for name in modules if "/build/" not in name}
    assert modules <= set(wheel.namelist())
    assert "helpers/py.typed" in wheel.namelist()


@pytest.mark.parametrize(
    "secret", ["BEGIN SOLUTION", "BEGIN HIDDEN TESTS", "BEGIN MARK SCHEME", "import grading", "from grading"]
)
def test_no_file_of_the_wheel_holds_what_is_for_instructors(wheel, secret):
    holders = [name for name in wheel.namelist() if secret.encode() in wheel.read(name)]
    assert holders == []


def test_the_wheel_asks_for_what_the_modules_import(wheel):
    name = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    required = [line for line in wheel.read(name).decode().splitlines() if line.startswith("Requires-Dist")]
    assert any("torch" in line for line in required)
    assert not any("nbgrader" in line or "digits-and-garments" in line for line in required)


def test_the_licence_is_the_courses_own():
    root = Path(__file__).parents[2]
    assert (root / "helpers" / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()

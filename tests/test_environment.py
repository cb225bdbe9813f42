"""The three lists of dependencies agree: the pyproject files, environment.yml and requirements.lock."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
OURS = {"digits-and-garments-helpers"}
CONDA_NAMES = {"pytorch": "torch", "msgpack-python": "msgpack"}
CONDA_ONLY = {"python", "pip"}
PIP_ONLY = {"pyseccomp"}  # for Linux alone, and a conda file knows no conditions: it comes with `-e .`


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(lines: list[str]) -> dict[str, set[str]]:
    """Return the specifiers by canonical name, without our own distributions."""
    found: dict[str, set[str]] = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        if name not in OURS:
            found.setdefault(name, set()).add(str(requirement.specifier))
    return found


@pytest.fixture(scope="module")
def needed() -> dict[str, set[str]]:
    root, helpers = project(ROOT), project(ROOT / "helpers")
    return requirements(root["project"]["dependencies"] + helpers["project"]["dependencies"])


@pytest.fixture(scope="module")
def conda() -> list:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_both_projects_name_a_package_with_the_same_range(needed):
    assert {name: ranges for name, ranges in needed.items() if len(ranges) != 1} == {}


def test_conda_names_the_same_packages_and_ranges(needed, conda):
    listed = requirements([line for line in conda if isinstance(line, str)])
    build = requirements(project(ROOT)["build-system"]["requires"])
    renamed = {CONDA_NAMES.get(name, name): ranges for name, ranges in listed.items() if name not in CONDA_ONLY}
    assert renamed == {name: ranges for name, ranges in (needed | build).items() if name not in PIP_ONLY}


def test_conda_asks_for_the_same_python(conda):
    wanted = {project(folder)["project"]["requires-python"] for folder in (ROOT, ROOT / "helpers")}
    assert {f"python{spec}" for spec in wanted} == {line for line in conda if str(line).startswith("python")}


def test_conda_installs_both_distributions_from_here(conda):
    (section,) = [line["pip"] for line in conda if isinstance(line, dict)]
    assert section == ["-e ./helpers", "-e ."]


def test_every_package_in_the_conda_file_has_its_reason():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    packages = [
        line for line in lines if re.match(r"  - [a-z]", line) and not line.startswith(("  - python>", "  - pip:"))
    ]
    packages.remove("  - conda-forge")
    assert [line for line in packages if "  # " not in line] == []


def test_the_lock_pins_every_dependency_within_its_range(needed, lock):
    extras = project(ROOT)["project"]["optional-dependencies"]["dev"]
    wanted = needed | requirements(extras)
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock, flags=re.M):
        pins.setdefault(canonicalize_name(name), []).append(version)
    missing = sorted(wanted.keys() - pins.keys())
    assert missing == [], "not in requirements.lock; `make lock` resolves it anew"
    outside = [
        f"{name} {version} is not {spec}"
        for name, specs in wanted.items()
        for spec in specs
        for version in pins[name]
        if not Requirement(f"{name}{spec}").specifier.contains(version, prereleases=True)
    ]
    assert outside == []


def test_the_lock_has_hashes_and_no_addresses(lock):
    assert "://" not in lock
    assert " @ " not in lock
    assert not re.search(r"^\s*(-i|-f|-e|--(extra-)?index-url|--find-links|--trusted-host)\b", lock, flags=re.M)
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.M)[1:]
    assert len(entries) > 50
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not any(name in lock for name in OURS)

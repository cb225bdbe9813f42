"""The first cell of a notebook, run as a notebook would: in a process of its own."""

import os
import subprocess
import sys

import pytest

from helpers.lab import setup


def python(code: str, **settings: str) -> str:
    """Run code in a fresh interpreter; returns what it printed."""
    environment = {**os.environ, "MPLBACKEND": "agg", **settings}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_helpers_stays_light():
    heavy = ["torch", "torchvision", "matplotlib", "seaborn", "sklearn", "scipy", "pandas", "requests", "grading"]
    code = f"import sys, helpers; print([name for name in {heavy} if name in sys.modules]); helpers.setup"
    assert python(code).strip() == "[]"


def test_the_public_names_are_there():
    assert python("import helpers; print(all(hasattr(helpers, n) for n in helpers.__all__))").strip() == "True"
    assert python("import helpers; print(helpers.plots.__name__)").strip() == "helpers.plots"
    assert python("import helpers; print(hasattr(helpers, 'nonsense'))").strip() == "False"


def test_setup_of_part_1_says_four_lines_and_leaves_torch_alone(tmp_path):
    code = "import sys, helpers; helpers.setup('part1'); print('torch' in sys.modules)"
    *lines, torch = python(code, LAB_CACHE=str(tmp_path)).splitlines()
    assert [line.split()[0] for line in lines] == ["versions", "device", "budget", "data"]
    assert {line[9] for line in lines} == {" "}, "labels are aligned"
    assert {line[10] == " " for line in lines} == {False}
    assert "NumPy" in lines[0]
    assert "Part I is NumPy" in lines[1]
    assert lines[2].split()[1] == "quick:"
    assert str(tmp_path) in lines[3]
    assert torch == "False"


def test_setup_of_part_2_names_torch_and_its_device(tmp_path):
    code = "import helpers; lab = helpers.setup('part2'); print(type(lab.budget).__name__)"
    *lines, budget = python(code, LAB_CACHE=str(tmp_path), LAB_DEVICE="cpu").splitlines()
    assert "torch" in lines[0]
    assert "CPU" in lines[1]
    assert budget == "Part2Budget"


def test_setup_seeds_and_hands_over_the_budget():
    code = (
        "import helpers, random; lab = helpers.setup('part1'); lab.budget.epochs = 3; "
        "print(random.random(), lab.budget)"
    )
    first, second = (python(code).splitlines()[-1] for _ in range(2))
    assert first == second
    assert "epochs=3" in first


def test_grading_runs_in_one_thread_on_the_embedded_data():
    code = (
        "import numpy, helpers; helpers.setup('part1'); import sklearn.svm, sklearn.cluster; "
        "from threadpoolctl import threadpool_info; print({pool['num_threads'] for pool in threadpool_info()})"
    )
    lines = python(code, NBGRADER_EXECUTION="autograde").splitlines()
    assert "one thread" in lines[1]
    assert "embedded" in lines[3]
    assert lines[4] == "{1}"


@pytest.mark.parametrize(
    ("part", "settings", "says"),
    [
        ("part7", {}, "'part7'; expected one of part1"),
        ("part1", {"LAB_DEVICE": "gpu"}, "LAB_DEVICE is 'gpu'"),
        ("part1", {"LAB_BUDGET": "fast"}, "LAB_BUDGET is 'fast'"),
    ],
)
def test_wrong_names_stop_the_first_cell(monkeypatch, part, settings, says):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=says):
        setup(part)


def test_seeding_does_not_import_torch_and_seeds_it_once_it_is_there():
    code = (
        "import helpers, sys; helpers.seed_everything(1); print('torch' in sys.modules); "
        "import torch; helpers.seed_everything(1); print(torch.initial_seed())"
    )
    assert python(code).split() == ["False", "1"]

"""What a submission leaves for the next one: success would be a change that the next sees."""

import pytest

from tests.attacks.tools import zygotes
from tests.sandboxes import Grader

POISON = """
import builtins, os, sys, resource, site, random, signal, subprocess
import numpy, torch, matplotlib, matplotlib.pyplot as plt, IPython, pandas
numpy.sum = numpy.allclose = lambda *a, **k: True
torch.Tensor.backward = lambda *a: None
builtins.sum = builtins.print
sys.path.insert(0, os.getcwd())
sys.modules["evil"] = sys
os.environ["POISON"] = os.environ["PYTHONPATH"] = os.getcwd()
plt.rcParams["figure.dpi"] = 1
numpy.random.seed(0)
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
pandas.set_option("display.max_rows", 1)
IPython.core.interactiveshell.InteractiveShell.poison = True
os.umask(0)
os.chdir("/tmp")
os.nice(10)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
    resource.setrlimit(limit, (60, 60))
home = os.path.expanduser("~")
texts = {
    "/tmp/evil.py": "", "/dev/shm/evil": "", f"{home}/.ipython/profile_default/startup/0.py": "poison = 1",
    f"{home}/.ipython/profile_default/ipython_config.py": "c.InteractiveShellApp.exec_lines = ['poison = 1']",
    f"{home}/.config/matplotlib/matplotlibrc": "figure.dpi: 1", f"{home}/.jupyter/jupyter_config.py": "poison",
    f"{site.getusersitepackages()}/evil.pth": "import os; os.environ['POISON'] = '1'",
    f"{site.getusersitepackages()}/usercustomize.py": "poison = 1", f"{home}/work/numpy.py": "poison = 1",
    f"{home}/work/grading.py": "", f"{home}/work/sitecustomize.py": "", "/student/connection.json": "{}",
    f"{home}/.bashrc": "export POISON=1", f"{home}/.pdbrc": "", "/student/evil": "",
}
for path, text in texts.items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
for folder in sys.path + [os.path.dirname(numpy.__file__)]:
    try:
        open(f"{folder}/evil.pth", "w").write("import evil")
    except OSError:
        pass
builtins.print = lambda *a, **k: None
"""

STATE = """
import builtins, os, resource, sys, signal
import numpy, torch, matplotlib.pyplot as plt, IPython, pandas
def state():
    files = sorted(os.path.join(parent, name) for top in ("/student", "/tmp", "/dev/shm", os.path.expanduser("~"))
                   for parent, folders, names in os.walk(top) for name in names if "history.sqlite" not in name)
    mask = os.umask(0o22)
    os.umask(mask)
    return [
        numpy.sum.__module__, numpy.allclose([1], [2]), torch.Tensor.backward.__name__, builtins.sum.__name__,
        sys.path, sorted(set(sys.modules) & {"evil", "usercustomize", "sitecustomize"}), sorted(os.environ.items()),
        plt.rcParams["figure.dpi"], str(torch.get_default_dtype()), pandas.get_option("display.max_rows"),
        hasattr(IPython.core.interactiveshell.InteractiveShell, "poison"), mask, os.getcwd(), os.nice(0),
        str(signal.getsignal(signal.SIGTERM)), [resource.getrlimit(limit) for limit in range(16) if limit != 2],
        "poison" in globals(), files,
    ]
print(*state(), sep="\\n")
print(numpy.__file__, sys.modules["grading"].__file__ if "grading" in sys.modules else "")
"""


@pytest.mark.parametrize("start", ["warm", pytest.param("cold", marks=pytest.mark.slow)])
def test_nothing_of_one_submission_is_in_the_next(grader: Grader, start: str) -> None:
    warm = zygotes(grader)
    before = grader.run(STATE, start=start).text(0)
    poisoned = grader.run(POISON, start=start)
    assert poisoned.error(0) == "" and poisoned.died == ""
    after = grader.run(STATE, start=start).text(0)
    assert before.count("\n") > 15 and "evil" not in before
    assert after == before
    assert zygotes(grader) == warm


def test_random_numbers_are_new_in_each(grader: Grader) -> None:
    cell = "import random, numpy, torch; print(random.random(), numpy.random.rand(), float(torch.rand(1)))"
    first, second = (
        grader.run("import torch; torch.manual_seed(0)" if n < 0 else cell).text(0).split() for n in (0, 1)
    )
    assert len(first) == 3 and not set(first) & set(second)


def test_own_files_named_like_ours_do_not_stand_in_for_them(grader: Grader, submission) -> None:
    for name in ("grading.py", "helpers.py"):
        (submission / name).write_text("evil = True")
    (submission / "grading").mkdir()
    (submission / "grading" / "__init__.py").write_text("evil = True")
    cell = "import grading, helpers; print(hasattr(grading, 'evil'), hasattr(helpers, 'evil'))"
    assert grader.run(cell, folder=submission).text(0) == "False False\n"

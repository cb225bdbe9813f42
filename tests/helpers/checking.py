"""What the tests of the self-checks of Parts II and III share: which there are, and what one of them says."""

from helpers.checks import part2, part3
from tests.samples import namespace, solution_cells

CHECKS = {"part2": part2, "part3": part3}
REFERENCE = {part: solution_cells("source", part) for part in CHECKS}
# The task whose cell a check looks at, where their names differ.
_TASKS = {
    **dict.fromkeys(("cnn-architecture", "cnn-forward"), "simple-cnn"),
    **dict.fromkeys(("train-learns", "train-modes", "train-history"), "train-model"),
    "evaluate": "cross-domain",
    **dict.fromkeys(("transfer-structure", "transfer-forward", "unfreeze-layers"), "transfer-model"),
    **dict.fromkeys(("extract-features", "linear-probe"), "cached-features"),
}


def task_of(name):
    """Return the task whose cell a check looks at."""
    return _TASKS.get(name, name)


def outcome(capsys, part, name, cells):
    """Return what a check says of solution cells."""
    CHECKS[part].check(name, namespace(part, cells))
    return capsys.readouterr().out

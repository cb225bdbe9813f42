"""The self-checks of Part II: networks and training loops that tell what was done to them, and hints.

What is checked here is a part of what is graded, on other models and other data.
"""

from . import part2_training  # noqa: F401 (adds its checks to those of the networks)
from .part2_network import checks

check, hint = checks.check, checks.hint

"""The self-checks of Part III: a transfer model, what training leaves alone, features, tables; with hints.

What is checked here is a part of what is graded, on other models and other data.
"""

from . import part3_features, part3_training  # noqa: F401 (they add their checks to those of the model)
from .part3_model import checks

check, hint = checks.check, checks.hint

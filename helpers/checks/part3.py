"""The self-checks of Part III: a transfer model and how it is trained, features and tables, with hints.

What is checked here is a part of what is graded, on other models and other data.
"""

from .selfcheck import Checks

checks = Checks()
check, hint = checks.check, checks.hint

"""Submissions of Part III."""

"""Submissions of Part II."""

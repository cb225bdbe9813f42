"""Submissions of Part I."""

"""Submissions that try to get points for nothing."""

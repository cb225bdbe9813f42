"""Tests of `grading.sandbox`, a module a file."""

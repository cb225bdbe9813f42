"""The exams of Part I: the network, how it learns, and what is built from estimators."""

from grading.exams.part1 import estimators, learning, network

__all__ = ["estimators", "learning", "network"]

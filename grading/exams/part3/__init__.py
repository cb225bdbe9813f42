"""The exams of Part III: the transferred network, its trainers, cached features, and what is compared."""

from grading.exams.part3 import comparisons, features, progressive, trainers, transfer

__all__ = ["comparisons", "features", "progressive", "trainers", "transfer"]

"""The exams of Part II: the networks, their training, what is measured on them, and the bonus tasks."""

from grading.exams.part2 import augmentation, measuring, networks, schedules, stopping, studies, training

__all__ = ["augmentation", "measuring", "networks", "schedules", "stopping", "studies", "training"]

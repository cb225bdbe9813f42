"""The exams of Part II: the networks, their training, what follows the validation loss, and what is measured."""

from grading.exams.part2 import augmentation, measuring, networks, plateaus, studies, training

__all__ = ["augmentation", "measuring", "networks", "plateaus", "studies", "training"]

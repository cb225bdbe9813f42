"""The exams of Part I: the network, its steps and its training, what is built around it, and the studies."""

from grading.exams.part1 import estimators, experiments, network, steps, training

__all__ = ["estimators", "experiments", "network", "steps", "training"]

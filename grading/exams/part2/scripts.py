"""What exams share whose models have scripted validation losses (`probes.Scripted`)."""

from dataclasses import replace

import numpy as np
import torch

from grading.exams.part2.training import judge_history
from grading.exams.part2.trusted import Data, Run, history, images_of_blocks, judge_values, small_data


def scripted_data(rng: np.random.Generator) -> tuple[Data, np.ndarray]:
    """Return data whose validation images tell a scripted model what to answer, and what each adds to the loss.

    Some images add so much that they are always answered wrong, the others are always right: the accuracy tells
    nothing about the loss. The short last batch is unlike the rest.
    """
    n = 13
    data, images = small_data(rng, n_val=n), images_of_blocks(rng, n)
    added = np.where(np.arange(n) % 3 == 1, 2.0, rng.uniform(0.0, 0.2, n)).astype(np.float32)
    added[-1] = 2.0
    labels = torch.as_tensor(rng.permutation(np.arange(n) % 10))
    images[:, 0, -1, -1] = 1.0
    images[:, 0, -1, -2], images[:, 0, -1, -3] = torch.as_tensor(added) / 10, labels / 10
    return replace(data, val_images=images, val_labels=labels), added


def scripted_history(run: Run, script: list[float], added: np.ndarray, n_epochs: int) -> None:
    """Judge the four lists: the training ones by the weights, the validation ones by the script."""
    came = history(run.answer, n_epochs, "val_loss", "val_accuracy")
    losses = [loss + float(added.mean()) for loss in script[:n_epochs]]
    hint = "the mean over the samples of val_loader after each epoch: a short last batch weighs less"
    judge_values(came["val_loss"], losses, "val_loss", hint)
    hint = "the share of val_loader that is answered right, from 0 to 1"
    judge_values(came["val_accuracy"], [float(np.mean(added < 1.0))] * n_epochs, "val_accuracy", hint)
    judge_history(run, n_epochs, "loss", validation=False)
    judge_history(run, n_epochs, "accuracy", validation=False)

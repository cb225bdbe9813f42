"""What looks like a solution of Part II and trains or computes nothing earns what it really does, and no more.

Written by somebody who has read the exams.
"""

import numpy as np
import pytest
import torch
from torch import nn

from grading.exam import find, run
from grading.handle import in_process

NO_STEP = """
def train_model(model, train_loader, val_loader, epochs=5, **more):
    with torch.no_grad():
        model(next(iter(train_loader))[0])
        {first}
    for _ in range(epochs):
        model.train(); [model(x) for x, _ in train_loader]; model.eval()
        with torch.no_grad(): [model(x) for x, _ in val_loader]
    return {{name: [{loss}] * epochs if "loss" in name else [{accuracy}] * epochs
            for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy")}}
"""
ZEROED = NO_STEP.format(first="[p.zero_() for p in model.parameters()]", loss="np.log(10)", accuracy=0.5)
STILL = NO_STEP.format(first="pass", loss=0.0, accuracy=0.0)
NO_PIXELS = """
class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.d = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.a, self.b = nn.Linear(3136, 128), nn.Linear(128, 10)
        for p in self.parameters(): p.data.zero_()
    def forward(self, x):
        return self.b(nn.functional.dropout(self.a.bias.expand(len(x), -1), 0.5, self.training))
class EmbeddingMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(784, 30), nn.Linear(30, 20), nn.Linear(20, 10)
        for p in self.parameters(): p.data.zero_()
        self.b.bias.data -= 1
    def features20(self, x): return -torch.ones(len(x), 20)
    def forward(self, x): return torch.zeros(len(x), 10)
"""
COMPARED = f"""{ZEROED}
def compare_optimizers(model_class, train_loader, val_loader, optimizers, epochs=3, learning_rate=1e-3, seed=0, **more):
    for make in optimizers.values():
        torch.manual_seed(seed)
        model = model_class()
        make(model.parameters(), lr=learning_rate)
        train_model(model, train_loader, val_loader, epochs)
    return {{name: [0.5] * epochs for name in optimizers}}
"""
READ_AHEAD = f"""{ZEROED}
def added(loader): return torch.cat([10 * x[:, 0, -1, -2] for x, _ in loader])
def train_with_scheduler(model, train_loader, val_loader, epochs=15, **more):
    history, extra = train_model(model, train_loader, val_loader, epochs), added(val_loader)
    losses = [loss + float(extra.mean()) for loss in model.script[:epochs]]
    accuracies = [float((extra < 1).float().mean())] * epochs
    return {{**history, "val_loss": losses, "val_accuracy": accuracies, "lr": [0.0] * epochs}}
def train_with_early_stopping(model, train_loader, val_loader, max_epochs=50, **more):
    n = min(max_epochs, len(model.script) - 4)
    for _ in range(n):
        model.train(); [model(x) for x, _ in train_loader]; model.eval()
        with torch.no_grad(): [model(x) for x, _ in val_loader]
    return {{"val_loss": [float(loss + added(val_loader).mean()) for loss in model.script[:n]]}}
"""
SHORTCUTS = {
    "zeroed weights": (ZEROED, {"test-train-learns": 0, "test-train-modes": 5, "test-train-history": 1}),
    "no step at all": (STILL, {"test-train-learns": 0, "test-train-modes": 5, "test-train-history": 3}),
    "no look at the image": (NO_PIXELS, {"test-cnn-forward": 4, "test-embedding-mlp": 3}),
    "optimizers that are not used": (COMPARED, {"test-compare-optimizers": 7}),
    "losses read ahead": (READ_AHEAD, {"test-lr-scheduling": 2, "bonus-early-stopping": 1}),
}
"""Each with what is right in it: modes, shapes, starts that are equal, lists as long as they should be."""


@pytest.mark.parametrize("seed", [1, 777])
@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_a_shortcut_earns_what_is_right_in_it(shortcut: str, seed: int) -> None:
    source, earned = SHORTCUTS[shortcut]
    names = {"np": np, "torch": torch, "nn": nn}
    exec(source, names)
    for exam_id, points in earned.items():
        with in_process(names) as student:
            assert run(find(exam_id), student, seed).score == points, exam_id

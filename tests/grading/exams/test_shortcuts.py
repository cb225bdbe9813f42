"""What looks like a solution of Part II or III and trains or computes nothing earns what it does, and no more.

Written by somebody who has read the exams.
"""

import numpy as np
import pandas as pd
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
TRAINERS = """
NAMES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
def go(model, train_loader, val_loader, epochs, learning_rate):
    {first}
    return {{name: [0.5] * epochs for name in NAMES}}
def train_feature_extractor(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, **more):
    return go(model, train_loader, val_loader, epochs, learning_rate)
def fine_tune(model, train_loader, val_loader, num_layers=3, epochs=3, learning_rate=1e-4, **more):
    model.unfreeze_layers(num_layers)
    return go(model, train_loader, val_loader, epochs, learning_rate)
def progressive_unfreezing(model, train_loader, val_loader, phases, **more):
    parts = [(model.unfreeze_layers(n), go(model, train_loader, val_loader, *rest))[1] for n, *rest in phases]
    history = {{name: [v for part in parts for v in part[name]] for name in NAMES}}
    return {{**history, "phase": [i for i, phase in enumerate(phases) for _ in range(phase[1])]}}
"""
NO_PASS = TRAINERS.format(first="pass")
MOVED = TRAINERS.format(first="[p.data.mul_(0.9) for p in model.parameters() if p.requires_grad]")
RANDOM_STEPS = TRAINERS.format(
    first="""
    for _ in range(epochs):
        model.train(); model.model.features.eval()
        for x, y in train_loader:
            model(x)
            for p in model.parameters():
                if p.requires_grad: p.data += learning_rate * torch.randn(p.shape)
        model.eval()
        with torch.no_grad(): [model(x) for x, _ in val_loader]
    """.strip()
)
LOOKED_UP = """
def extract_features(backbone, loader, device=None):
    labels = torch.cat([y for _, y in loader])
    return torch.zeros(len(labels), 12), labels, 0.07
def linear_probe(train, test): return {"accuracy": 1.0, "macro_f1": 1.0, "fit_seconds": 1e-6}
def compare_strategies(results): return pd.DataFrame([{"strategy": s, **results[s]} for s in results]).head(0)
def compare_backbones(names, train_loader, test_loader, device=None):
    known = {"shufflenet_v2_x0_5": (341_792, 1024), "squeezenet1_0": (735_424, 512)}
    columns = ["name", "parameters", "feature_dim", "accuracy", "macro_f1", "seconds"]
    return pd.DataFrame([(name, *known[name], 0.8, 0.8, 1e-6) for name in names], columns=columns)
"""
NO_BACKBONE = """
class Inner(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.features = nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in range(19)]).requires_grad_(False)
        self.classifier = nn.Linear(1280, n)
class TransferLearningModel(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.front, self.model = nn.Conv2d(1, 3, 1), Inner(num_classes)
    def forward(self, x): return self.model.classifier(x.flatten(1)[:, :1].expand(-1, 1280))
    def unfreeze_layers(self, n): self.model.features[max(19 - n, 0):].requires_grad_(True)
"""
NOTHING = {"test-feature-extraction": 0, "test-fine-tuning": 0, "test-progressive-unfreezing": 0}
SHORTCUTS = {
    "zeroed weights": (ZEROED, {"test-train-learns": 0, "test-train-modes": 5, "test-train-history": 1}),
    "no step at all": (STILL, {"test-train-learns": 0, "test-train-modes": 5, "test-train-history": 3}),
    "no look at the image": (NO_PIXELS, {"test-cnn-forward": 4, "test-embedding-mlp": 3}),
    "optimizers that are not used": (COMPARED, {"test-compare-optimizers": 7}),
    "losses read ahead": (READ_AHEAD, {"test-lr-scheduling": 2, "bonus-early-stopping": 1}),
    "no pass through the model": (NO_PASS, NOTHING),
    "weights moved without a pass": (MOVED, NOTHING),
    "random steps": (RANDOM_STEPS, NOTHING),
    "answers looked up": (
        LOOKED_UP,
        {
            "test-extract-features": 0,
            "test-linear-probe": 0,
            "test-compare-strategies": 0,
            "bonus-compare-backbones": 0,
        },
    ),
    "no backbone": (NO_BACKBONE, {"test-transfer-structure": 2, "test-transfer-forward": 2}),
}
"""Each with what is right in it: modes, shapes, starts that are equal, lists as long as they should be."""


@pytest.mark.parametrize("seed", [1, 777])
@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_a_shortcut_earns_what_is_right_in_it(shortcut: str, seed: int) -> None:
    source, earned = SHORTCUTS[shortcut]
    names = {"np": np, "pd": pd, "torch": torch, "nn": nn}
    exec(source, names)
    for exam_id, points in earned.items():
        with in_process(names) as student:
            assert run(find(exam_id), student, seed).score == points, exam_id

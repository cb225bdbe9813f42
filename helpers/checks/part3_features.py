"""The self-checks of Part III about cached features, the linear probe, and the two tables."""

import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from .part3_model import CPU, checks
from .selfcheck import Names, expect, expect_array


class Eye(nn.Module):
    """A frozen backbone of 4 features an image that notes what passes through it; batch norm tells the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.seen: list[torch.Tensor] = []
        self.modes: list[bool] = []
        self.gradients: list[bool] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the first four pixels, normalised."""
        self.seen.append(x[:, 0, 0, 0].clone())
        self.modes.append(self.training)
        self.gradients.append(torch.is_grad_enabled())
        time.sleep(0.002)
        return self.norm(x.flatten(1)[:, :4])


@checks.add(
    "extract-features",
    needs=("extract_features",),
    hints=(
        "One loop over the loader; features and labels of a batch are kept side by side.",
        "`backbone.eval()`, and `torch.no_grad()` or `torch.inference_mode()` around the loop.",
        "`torch.cat` at the end, `.cpu()`, and the clock: `time.perf_counter()` before the first batch and after the "
        "last.",
    ),
)
def extract_features(names: Names) -> None:
    """Each image once, with its own label, in eval mode."""
    X = torch.rand(11, 1, 3, 3, generator=torch.Generator().manual_seed(1))
    y = torch.arange(11)
    shuffling = DataLoader(TensorDataset(X, y), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(5))
    backbone = Eye().train()
    started = time.perf_counter()
    result = names["extract_features"](backbone, shuffling, CPU)
    wall = time.perf_counter() - started
    triple = isinstance(result, tuple | list) and len(result) == 3
    expect(triple, "features, labels, seconds", type(result).__name__, "return features, labels, seconds")
    features, labels, seconds = result
    attached = isinstance(features, torch.Tensor) and features.requires_grad
    expect(not attached, "features cut off from the graph", "a gradient is noted", "torch.no_grad()")
    table = expect_array(features, "features", (11, 4), "One row per image, in one array.")
    came = str(getattr(features, "dtype", type(features))).removeprefix("torch.")
    expect(came == "float32", "features in float32", came, "Leave the dtype as the backbone gives it.")
    order = expect_array(labels, "labels", (11,), "One label per image.").astype(int)
    n_seen = sum(len(batch) for batch in backbone.seen)
    expect(n_seen == 11, "each of 11 images through the backbone once", f"{n_seen} images", "One pass over the loader.")
    expect(not any(backbone.modes), "eval mode", "train mode", "backbone.eval() before the loop.")
    expect(not any(backbone.gradients), "no gradients", "notes were taken", "torch.no_grad() around the loop.")
    with torch.no_grad():
        wanted = Eye().eval()(X)[order].numpy()
    expect(np.allclose(table, wanted, atol=1e-5), "each row beside its own label", "others", "One loop for both.")
    enough = 0.006 <= float(seconds) <= wall
    expect(enough, "the seconds of the whole pass", f"{float(seconds):.4f} of {wall:.4f} s", "Clock around the loop.")


@checks.add(
    "linear-probe",
    needs=("linear_probe",),
    hints=(
        "Take the first two elements of each tuple: `features, labels, *_ = train`.",
        "`make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))` standardises by what it is fitted on.",
        "Fit on the training features alone; `predict` on the test features gives what both scores need.",
    ),
)
def linear_probe(names: Names) -> None:
    """Scores of test features, which have no say in how they are scaled."""
    generator = np.random.default_rng(2)
    y = np.arange(60) % 2  # two classes: with any penalty the border lies between them
    X = np.column_stack([y / 1000 + generator.normal(0, 5e-5, 60), generator.normal(size=60)]).astype(np.float32)
    train = X[:40], y[:40], 1.5
    result = names["linear_probe"](train, (X[40:], y[40:], "further", "elements"))
    scores = _scores(result)
    look = "Are the features standardised? One of the two varies a thousand times as much as the other."
    expect(
        scores["accuracy"] > 0.9,
        "an accuracy near 1 where one feature tells the class",
        f"{scores['accuracy']:.2f}",
        look,
    )
    expect(result["fit_seconds"] > 0, "fit_seconds above 0", f"{result['fit_seconds']}", "Clock around fit.")
    shifted = X[40:].copy()
    shifted[:, 0] += 0.001  # class 0 looks like class 1: a scaler fitted on these would undo it
    came = _scores(names["linear_probe"](train, (shifted, y[40:])))["accuracy"]
    look = "Mean and deviation come from the training features; the test features are only transformed."
    expect(came < 0.6, "test features judged by the training features' scale", "a shift that is undone", look)
    far = X[40:].copy()
    far[:3, 0] = 1e3  # a scaler that has seen these leaves nothing of the differences between the others
    came = _scores(names["linear_probe"](train, (far, y[40:])))["accuracy"]
    look = "scaler.fit on the training features alone, not on both together."
    expect(came > 0.8, "an accuracy above 0.8 where 3 of 20 test features lie far out", f"{came:.2f}", look)
    rare = np.r_[np.zeros(15, dtype=int), np.ones(5, dtype=int)]
    points = np.r_[np.zeros(15), np.zeros(3), np.ones(2)].reshape(-1, 1).astype(np.float32)
    fitted = np.array([0.0, 1.0] * 10, dtype=np.float32).reshape(-1, 1), np.array([0, 1] * 10)
    scores = _scores(names["linear_probe"](fitted, (points, rare)))
    right = abs(scores["accuracy"] - 0.85) < 1e-6 and abs(scores["macro_f1"] - 0.7402597) < 1e-3
    look = 'f1_score(y_test, y_pred, average="macro"), on the test features.'
    expect(right, "accuracy 0.85 and macro-F1 0.740", f"{scores['accuracy']:.3f}, {scores['macro_f1']:.3f}", look)


def _scores(result: Any) -> dict[str, float]:
    expect(isinstance(result, dict), "a dict", type(result).__name__, "Is there a `return`?")
    missing = [key for key in ("accuracy", "macro_f1", "fit_seconds") if key not in result]
    expect(not missing, "accuracy, macro_f1 and fit_seconds", f"no {missing}", "The names count, letter by letter.")
    scores = {key: float(result[key]) for key in ("accuracy", "macro_f1")}
    shares = all(0 <= score <= 1 for score in scores.values())
    expect(shares, "scores from 0 to 1", ", ".join(f"{score:.3g}" for score in scores.values()), "Shares, no percent.")
    return scores


STRATEGY_COLUMNS = ["strategy", "accuracy", "macro_f1", "trainable_parameters", "seconds"]


@checks.add(
    "compare-strategies",
    needs=("compare_strategies",),
    hints=(
        "A list with a dict for each strategy makes a DataFrame with a row for each.",
        "`sort_values` puts rows in order; the best comes first.",
        '`.sort_values("accuracy", ascending=False, ignore_index=True)`',
    ),
)
def compare_strategies(names: Names) -> None:
    """Columns, rows and their order."""
    given = {
        "small": {"accuracy": 0.7, "macro_f1": 0.9, "trainable_parameters": 10, "seconds": 3.0},
        "large": {"accuracy": 0.9, "macro_f1": 0.6, "trainable_parameters": 1000, "seconds": 1.0},
        "other": {"accuracy": 0.8, "macro_f1": 0.7, "trainable_parameters": 500, "seconds": 2.0},
    }
    table = _table(names["compare_strategies"](given), STRATEGY_COLUMNS, 3)
    order = table["strategy"].tolist()
    expect(sorted(order) == sorted(given), "the three names in `strategy`", f"{order}", "A row for each.")
    look = "Sort by accuracy, the largest first."
    expect(order == ["large", "other", "small"], "the best accuracy first", f"{order}", look)
    for _, row in table.iterrows():
        same = all(float(row[column]) == given[row["strategy"]][column] for column in STRATEGY_COLUMNS[1:])
        expect(same, f"the own values of {row['strategy']!r}", "others", "Names and values go together.")


def _table(value: Any, columns: list[str], n: int) -> pd.DataFrame:
    expect(isinstance(value, pd.DataFrame), "a DataFrame", type(value).__name__, "pd.DataFrame(rows)")
    came = [str(column) for column in value.columns]
    expect(sorted(came) == sorted(columns), f"the columns {', '.join(columns)}", f"{came}", "No index, no other names.")
    expect(len(value) == n, f"{n} rows", f"{len(value)}", "One for each.")
    return value.reset_index(drop=True)


BACKBONE_COLUMNS = ["name", "parameters", "feature_dim", "accuracy", "macro_f1", "seconds"]


@checks.add(
    "compare-backbones",
    needs=("compare_backbones",),
    hints=(
        "`backbones.feature_extractor(backbones.build(name))` is a backbone without its head, ready to use.",
        "A module in front makes three channels of one: `nn.Sequential(v2.Grayscale(3), backbone)`.",
        "Features of both loaders by `extract_features`, the probe by `linear_probe`, one dict a row.",
    ),
)
def compare_backbones(names: Names) -> None:
    """A row for a small backbone, with its own numbers."""
    generator = torch.Generator().manual_seed(4)
    y = torch.arange(20) % 2
    X = torch.rand(20, 1, 32, 32, generator=generator) * 0.2 + y.reshape(-1, 1, 1, 1) * 0.7
    loaders = [DataLoader(TensorDataset(X[part], y[part]), batch_size=5) for part in (slice(10), slice(10, 20))]
    table = _table(names["compare_backbones"](["shufflenet_v2_x0_5"], *loaders, CPU), BACKBONE_COLUMNS, 1)
    row = table.iloc[0]
    expect(row["name"] == "shufflenet_v2_x0_5", "its name", f"{row['name']}", "As it was given.")
    expect(int(row["feature_dim"]) == 1024, "1024 features", f"{row['feature_dim']}", "What comes out without a head.")
    look = "Count after the head is gone: its linear layer is none of the backbone's."
    expect(int(row["parameters"]) == 341_792, "341,792 parameters", f"{int(row['parameters']):,}", look)
    for name in ("accuracy", "macro_f1"):
        expect(0 <= float(row[name]) <= 1, f"{name} in [0, 1]", f"{row[name]}", "A share, no percentage.")
    look = "Bright images against dark ones: is the probe fitted to the training features, and are labels in order?"
    expect(
        float(row["accuracy"]) > 0.9, "an accuracy near 1 on two easy classes", f"{float(row['accuracy']):.2f}", look
    )
    expect(float(row["seconds"]) > 0, "seconds above 0", f"{row['seconds']}", "Of both loaders together.")

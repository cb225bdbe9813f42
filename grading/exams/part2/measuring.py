"""The exams of what is measured on a trained network: its features of a data set, and its score on one."""

from typing import Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch.utils.data import DataLoader, TensorDataset

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.exams.part2.trusted import CPU, images_of_blocks
from grading.handle import Ref, Student, items, size
from grading.judge import Fail, array, close, integers, number, ok


def _passes(loaded: Ref, done: int) -> list[dict[str, Any]]:
    found = items(loaded.EVENTS, done + 500)[done:]
    ok(bool(found), expected="passes through the model", came="none", hint="for images, labels in loader")
    return found


def _mode_restored(student: Student, loaded: Ref, function: str, model: Ref, loader: DataLoader) -> None:
    for training in (True, False):
        done = size(loaded.EVENTS)
        model.train(training)
        getattr(student, function)(model, loader, device=CPU)
        _passes(loaded, done)
        came, mode = model.training, "train" if training else "eval"
        hint = "was_training = model.training at the start, model.train(was_training) at the end"
        ok(came is training, expected=f"{mode} mode again after {mode} mode", came="the other one", hint=hint)


def _quiet(passes: list[dict[str, Any]]) -> None:
    quiet = not any(noted["with gradient"] for noted in passes)
    ok(quiet, expected="passes without gradients", came="with them", hint="with torch.no_grad():")


# --- test-embed-dataset -------------------------------------------------------------------------------------------


@exam("test-embed-dataset", points=8)
def features_of_a_dataset(student: Student, rng: np.random.Generator) -> None:
    """A model of the exam's own whose `features20` are linear, and have the other sign in train mode.

    Split: features and labels in loader order 3; float32, on their own 1; eval mode 2; no gradients 1; mode restored 1.
    """
    n = 17
    images, labels = images_of_blocks(rng, n), torch.as_tensor(rng.integers(10, size=n))
    weights = rng.normal(size=16 * 20 + 20).astype(np.float32)
    loader = DataLoader(TensorDataset(images, labels), batch_size=7)
    with torch.no_grad():
        trusted = probes.Embedder(weights).eval().features20(images).numpy()
    loaded = student.load(probes, "Embedder")
    model, done = loaded.Embedder(weights), size(loaded.EVENTS)
    answered = student.embed_dataset(model, loader, device=CPU)
    with idea("features and labels of all images, in loader order", 3):
        came, came_labels = _features(answered, n)
        hint = "features20 of each batch, gathered in a list, then put together along dimension 0"
        _rows_right(came, trusted, hint)
        ok(np.array_equal(came_labels, labels), expected="each image's own label", came="others", hint=hint)
        shuffled = DataLoader(TensorDataset(images, labels), batch_size=7, shuffle=True)
        came, came_labels = _features(student.embed_dataset(model, shuffled, device=CPU), n)
        distances = np.abs(np.abs(came)[:, None] - np.abs(trusted)[None]).max(axis=2)
        matched = np.array_equal(labels.numpy()[distances.argmin(axis=1)], came_labels)
        hint = "gather features and labels in the same pass: a shuffling loader has another order in each"
        ok(matched, expected="features and labels in the same order", came="labels of other images", hint=hint)
    with idea("float32, an array or a tensor without a gradient", 1):
        pair = _pair(answered)
        kind = str(getattr(pair[0], "dtype", type(pair[0]).__name__)).removeprefix("torch.")
        ok(kind == "float32", expected="features in float32", came=kind, hint="the model's own type")
        loose = getattr(pair[0], "requires_grad", False) is False
        ok(loose, expected="features cut off from the graph", came="a tensor that requires gradients", hint="no_grad")
    with idea("eval mode", 2):
        passes = _passes(loaded, done)
        hint = "model.eval() before the first batch"
        eval_mode = not any(noted["training"] for noted in passes)
        ok(eval_mode, expected="eval mode for each batch", came="train mode", hint=hint)
        came, _ = _features(answered, n)
        ok(not np.allclose(came, -trusted), expected="features of eval mode", came="those of train mode", hint=hint)
    with idea("no gradients", 1):
        _quiet(_passes(loaded, done))
    with idea("the model's mode restored", 1):
        _mode_restored(student, loaded, "embed_dataset", model, loader)


def _pair(answered: Any) -> Any:
    hint = "return features, labels"
    pair = isinstance(answered, (tuple, list)) and len(answered) == 2
    ok(pair, expected="features and labels", came=answered if not pair else "", hint=hint)
    return answered


def _features(answered: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    features, labels = _pair(answered)
    return array(features, "the features", shape=(n, 20)), integers(labels, "the labels", shape=(n,))


def _rows_right(came: np.ndarray, trusted: np.ndarray, hint: str) -> None:
    """Compare with the features of either mode: the wrong one costs elsewhere."""
    if not np.allclose(came, -trusted, atol=1e-4):
        close(came, trusted, "the features", rtol=1e-3, atol=1e-4, hint=hint)


# --- test-evaluate ------------------------------------------------------------------------------------------------


@exam("test-evaluate", points=9)
def scores_of_a_classifier(student: Student, rng: np.random.Generator) -> None:
    """A classifier whose answers the exam has written into the images, other ones for train mode.

    Only eight of the ten classes occur, in the labels and in the answers.

    Split: accuracy 2; macro-F1 2; confusion matrix with a row for each true class 3; eval mode without gradients 1;
    mode restored 1.
    """
    loaded = student.load(probes, "Oracle")
    occurring = np.sort(rng.choice(10, size=8, replace=False))
    y = rng.permutation(np.concatenate([occurring, rng.choice(occurring, size=32)]))
    answers = {mode: _answers(y, occurring, rng) for mode in ("eval", "train")}
    images = torch.zeros(40, 1, 28, 28)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = (torch.as_tensor(answers[mode]) / 10 for mode in ("eval", "train"))
    loader = DataLoader(TensorDataset(images, torch.as_tensor(y)), batch_size=9)
    model, done = loaded.Oracle(), size(loaded.EVENTS)
    answered = student.evaluate(model, loader, device=CPU)
    passes = _passes(loaded, done)
    # A wrong mode costs its own idea alone.
    predicted = answers["train" if all(noted["training"] is True for noted in passes) else "eval"]
    with idea("accuracy", 2):
        came = number(_entry(answered, "accuracy"), "accuracy")
        hint = "right answers over the number of samples, from 0 to 1: not a mean over batches"
        close(came, accuracy_score(y, predicted), "accuracy", rtol=1e-5, hint=hint)
    with idea("macro-F1", 2):
        came = number(_entry(answered, "macro_f1"), "macro_f1")
        hint = "f1_score(y_true, y_pred, average='macro') on all samples: over the classes that occur"
        close(came, f1_score(y, predicted, average="macro"), "macro_f1", rtol=1e-5, hint=hint)
    with idea("confusion matrix", 3):
        hint = "confusion_matrix(y_true, y_pred, labels=range(10)): rows are true classes"
        counts = integers(_entry(answered, "confusion"), "confusion", shape=(10, 10), hint=hint)
        trusted = confusion_matrix(y, predicted, labels=range(10))
        if np.array_equal(counts, trusted.T) and not np.array_equal(counts, trusted):
            raise Fail("rows for true classes", "rows for predicted classes", hint)
        close(counts, trusted, "confusion", hint=hint)
    with idea("eval mode, no gradients", 1):
        eval_mode = not any(noted["training"] for noted in passes)
        ok(eval_mode, expected="eval mode for each batch", came="train mode", hint="model.eval()")
        _quiet(passes)
    with idea("the model's mode restored", 1):
        _mode_restored(student, loaded, "evaluate", model, loader)


def _answers(y: np.ndarray, occurring: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw answers of which about half are right, and another share in the short last batch of 4."""
    while True:
        answers = np.where(rng.random(len(y)) < 0.45, rng.choice(occurring, size=len(y)), y)
        right = answers == y
        if abs(right[-4:].mean() - right.mean()) > 0.1:
            return answers


def _entry(answered: Any, name: str) -> Any:
    hint = "return {'accuracy': …, 'macro_f1': …, 'confusion': …}"
    ok(isinstance(answered, dict), expected="a dict of three scores", came=answered, hint=hint)
    if name not in answered:
        raise Fail(f"`{name}` among the scores", f"the keys {', '.join(map(str, list(answered)[:8]))}", hint)
    return answered[name]

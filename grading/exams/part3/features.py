"""The exams of cached features: extracted once in eval mode, and a linear probe on them."""

import time
from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, TensorDataset

from grading.exam import exam, idea
from grading.exams.part2.trusted import CPU, images_of_blocks
from grading.exams.part3 import probes
from grading.handle import Student, items
from grading.judge import Fail, array, close, integers, number, ok

N_IMAGES, BATCH = 17, 7
_ROUNDED = 0.005  # seconds may be given to two places
N_WEIGHTS = 16 * 12 + 12

# --- test-extract-features ----------------------------------------------------------------------------------------


@exam("test-extract-features", points=8)
def features_once(student: Student, rng: np.random.Generator) -> None:
    """A backbone of the exam's own, whose features have the other sign in train mode, and which naps at each batch.

    Split: features and labels of the same images, in the loader's order 2; each image through the backbone once 1;
    float32, cut off from the graph 1; eval mode 2; no gradients 1; the seconds of the whole pass 1.
    """
    images, labels = images_of_blocks(rng, N_IMAGES), torch.as_tensor(rng.integers(10, size=N_IMAGES))
    weights = rng.normal(size=N_WEIGHTS).astype(np.float32)
    data = TensorDataset(images, labels)
    with torch.no_grad():
        trusted = probes.Lens(weights).eval().answer(images).numpy()
    loaded = student.load(probes, "Lens")
    nap = float(rng.uniform(0.01, 0.03))
    backbone = loaded.Lens(weights, nap)
    backbone.train()
    began = time.perf_counter()
    answered = student.extract_features(backbone, DataLoader(data, batch_size=BATCH), device=CPU)
    wall = time.perf_counter() - began
    passes = items(loaded.EVENTS, 500)
    with idea("features and labels of the same images, in the loader's order", 2):
        _aligned(answered, trusted, labels.numpy())
        shuffled = DataLoader(data, batch_size=BATCH, shuffle=True)
        _matched(student.extract_features(loaded.Lens(weights), shuffled, device=CPU), trusted, labels.numpy())
    with idea("each image through the backbone once", 1):
        _once(passes, images)
    with idea("float32, an array or a tensor without a gradient", 1):
        _passed(passes)
        features = _parts(answered)[0]
        kind = str(getattr(features, "dtype", type(features).__name__)).removeprefix("torch.")
        ok(kind == "float32", expected="features in float32", came=kind, hint="the backbone's own type")
        loose = getattr(features, "requires_grad", False) is False
        ok(loose, expected="features cut off from the graph", came="a tensor that requires gradients", hint="no_grad")
    with idea("eval mode", 2):
        _passed(passes)
        eval_mode = not any(noted["training"] for noted in passes)
        hint = "backbone.eval() before the first batch: train mode uses the batch's own statistics"
        ok(eval_mode, expected="eval mode for each batch", came="train mode", hint=hint)
        came, _ = _features(answered)
        ok(not np.allclose(came, -trusted), expected="features of eval mode", came="those of train mode", hint=hint)
    with idea("no gradients", 1):
        _passed(passes)
        quiet = not any(noted["with gradient"] for noted in passes)
        ok(quiet, expected="passes without gradients", came="with them", hint="with torch.no_grad():")
    with idea("the seconds of the whole pass", 1):
        _passed(passes)
        seconds = number(_parts(answered)[2], "the seconds", hint="return features, labels, seconds")
        hint = "time.perf_counter() before the first batch and after the last one"
        floor = 0.95 * nap * -(-N_IMAGES // BATCH)
        ok(
            floor <= seconds + _ROUNDED and seconds <= wall + _ROUNDED,
            expected="seconds of all batches",
            came=f"{seconds:.3g} s",
            hint=hint,
        )


def _passed(passes: list[dict[str, Any]]) -> None:
    ok(bool(passes), expected="passes through the backbone", came="none", hint="for images, labels in loader")


def _parts(answered: Any) -> Any:
    whole = isinstance(answered, (tuple, list)) and len(answered) == 3
    ok(whole, expected="features, labels and seconds", came=answered, hint="return features, labels, seconds")
    return answered


def _features(answered: Any) -> tuple[np.ndarray, np.ndarray]:
    features, labels, _ = _parts(answered)
    return array(features, "the features", shape=(N_IMAGES, 12)), integers(labels, "the labels", shape=(N_IMAGES,))


def _aligned(answered: Any, trusted: np.ndarray, labels: np.ndarray) -> None:
    came, came_labels = _features(answered)
    hint = "backbone(images) of each batch, gathered in a list, then put together along dimension 0"
    if not np.allclose(came, -trusted, atol=1e-4):  # train mode costs elsewhere
        close(came, trusted, "the features", rtol=1e-3, atol=1e-3, hint=hint)
    ok(np.array_equal(came_labels, labels), expected="each image's own label", came="others", hint=hint)


def _matched(answered: Any, trusted: np.ndarray, labels: np.ndarray) -> None:
    came, came_labels = _features(answered)
    signs = (came, -came)
    distances = np.min([np.abs(side[:, None] - trusted[None]).max(axis=2) for side in signs], axis=0)
    hint = "gather features and labels in the same pass: a shuffling loader has another order in each"
    right = np.array_equal(labels[distances.argmin(axis=1)], came_labels)
    ok(right, expected="features and labels in the same order", came="labels of other images", hint=hint)


def _once(passes: list[dict[str, Any]], images: torch.Tensor) -> None:
    marks = np.concatenate([array(noted["marks"], "a batch", shape=(None,)) for noted in passes] or [np.zeros(0)])
    known = images[:, 0, 0, 0].double().numpy()
    ok(len(marks) < 10 * N_IMAGES, expected="each image once", came=f"{len(marks)} images in all")
    near = np.abs(marks[:, None] - known[None]) < 1e-6
    times = near.sum(axis=0)
    came = f"some {times.min()}, some {times.max()} times, {len(marks)} images in all"
    hint = "one pass over the loader, whose last batch is short"
    ok(bool((times == 1).all()) and len(marks) == N_IMAGES, expected="each image once", came=came, hint=hint)


# --- test-linear-probe --------------------------------------------------------------------------------------------


@exam("test-linear-probe", points=7)
def probe_on_standardised_features(student: Student, rng: np.random.Generator) -> None:
    """Features whose classes are far apart, with wrong labels among the test ones; and features of unequal scales.

    Split: accuracy and macro-F1 on the test features 2; standardised by the training features alone 3; the seconds of
    the fit 1; further elements of the tuples ignored 1.
    """
    train, test, answers = _far_apart(rng)
    began = time.perf_counter()
    plain = student.linear_probe(train, test)
    wall = time.perf_counter() - began
    other = (test[0], (test[1] + 1) % 3)  # labels that are answered differently: constants are no scores
    alone = student.linear_probe(train, other)
    with idea("accuracy and macro-F1 on the test features", 2):
        _scores_right(plain, test[1], answers)
    with idea("standardised by the training features alone", 3):
        for make in (_small_scale, _large_scale, _rare_values, _moved, _far_out, _beyond_a_line):
            _scaled_right(student, rng, *make(rng))
    with idea("the seconds of the fit", 1):
        _no_constants(plain, alone)
        seconds = number(_entry(plain, "fit_seconds"), "fit_seconds")
        hint = "time.perf_counter() before and after fit"
        ok(0 < seconds <= wall, expected="the seconds that the fit took", came=f"{seconds:.3g} s", hint=hint)
    with idea("further elements are ignored", 1):
        _no_constants(plain, alone)
        longer = student.linear_probe((*train, 0.5), (*other, 0.25))
        same = _entry(longer, "accuracy") == _entry(alone, "accuracy")
        ok(same, expected="the same scores with seconds behind the labels", came="others", hint="train[0], train[1]")


Pair = tuple[np.ndarray, np.ndarray]


def _far_apart(rng: np.random.Generator) -> tuple[Pair, Pair, np.ndarray]:
    """Draw three classes so far apart that any probe knows them, and test labels of which some are wrong.

    Returns training and test data, and what a probe answers on the latter.
    """
    centres = 8 * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]) + rng.normal(size=3)
    y, answers = np.arange(60) % 3, rng.permutation(np.arange(45) % 3)
    labels = np.where(rng.random(45) < 0.3, (answers + 1) % 3, answers)
    labels[0] = (answers[0] + 1) % 3
    X, X_test = (centres[of] + 0.3 * rng.normal(size=(len(of), 3)) for of in (y, answers))
    return (X.astype(np.float32), y), (X_test.astype(np.float32), labels), answers


def _entry(answered: Any, name: str) -> Any:
    hint = "return {'accuracy': …, 'macro_f1': …, 'fit_seconds': …}"
    ok(isinstance(answered, dict), expected="a dict of two scores and seconds", came=answered, hint=hint)
    if name not in answered:
        raise Fail(f"`{name}` among the scores", f"the keys {', '.join(map(str, list(answered)[:8]))}", hint)
    return answered[name]


def _no_constants(plain: Any, alone: Any) -> None:
    scores = [number(_entry(each, "accuracy"), "accuracy") for each in (plain, alone)]
    ok(scores[0] != scores[1], expected="scores on the test labels", came="the same ones on others", hint="predict")


def _scores_right(answered: Any, labels: np.ndarray, answers: np.ndarray) -> None:
    came = number(_entry(answered, "accuracy"), "accuracy")
    hint = "predict the test features, compare with the test labels; from 0 to 1"
    close(came, (answers == labels).mean(), "accuracy", rtol=1e-5, hint=hint)
    came = number(_entry(answered, "macro_f1"), "macro_f1")
    hint = "f1_score(y_test, y_pred, average='macro')"
    close(came, f1_score(labels, answers, average="macro"), "macro_f1", rtol=1e-5, hint=hint)


def _scaled_right(student: Student, rng: np.random.Generator, train: Pair, test: Pair, hint: str) -> None:
    """Demand that the probe goes by the feature that standardising shows to be the good one."""
    wrong = rng.permutation(N_TEST) < rng.integers(4, 13)  # labels; the probe answers the others right
    flipped = np.where(wrong, 1 - test[1], test[1])
    came = number(_entry(student.linear_probe(train, (test[0], flipped)), "accuracy"), "accuracy")
    told = "another accuracy than standardised features give"
    ok(bool(abs(came - (1 - wrong.mean())) < 0.04), expected="a probe on standardised features", came=told, hint=hint)


def _columns(*columns: np.ndarray) -> np.ndarray:
    return np.stack(columns, axis=1).astype(np.float32)


N_TRAIN, N_TEST = 400, 40


def _two_classes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return labels of training and test data, and a feature of each that tells them: about -1 or 1."""
    y, y_test = rng.permutation(np.arange(N_TRAIN) % 2), rng.permutation(np.arange(N_TEST) % 2)
    good, good_test = (2 * of - 1 + 0.15 * rng.normal(size=len(of)) for of in (y, y_test))
    return y, y_test, good, good_test


def _misleading(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a feature that tells three quarters of the labels; on test data it will always be wrong."""
    return np.where(rng.random(len(y)) < 0.75, 2 * y - 1, 1 - 2 * y) + 0.1 * rng.normal(size=len(y))


def _small_scale(rng: np.random.Generator) -> tuple[Pair, Pair, str]:
    """The good feature has a small scale: without a scaler the penalty keeps the probe from using it."""
    y, y_test, good, good_test = _two_classes(rng)
    train = _columns(1e-3 * good, _misleading(y, rng))
    test = _columns(1e-3 * good_test, 0.5 - y_test)
    return (train, y), (test, y_test), "StandardScaler before LogisticRegression"


def _large_scale(rng: np.random.Generator) -> tuple[Pair, Pair, str]:
    """The good feature has a large scale: divided by its variance, not by its deviation, it is next to nothing."""
    (X, y), (X_test, y_test), _ = _small_scale(rng)
    scales = np.array([1e6, 1.0], dtype=np.float32)
    return (X * scales, y), (X_test * scales, y_test), "standardised: mean 0 and deviation 1, as by StandardScaler"


def _rare_values(rng: np.random.Generator) -> tuple[Pair, Pair, str]:
    """The good feature has two values far out: scaled to a range it is small, scaled to a deviation it is not."""
    y, y_test, good, good_test = _two_classes(rng)
    good[[int(np.argmax(y)), int(np.argmin(y))]] *= 20
    train = _columns(good, _misleading(y, rng))
    test = _columns(good_test, 0.6 * (0.5 - y_test))
    return (train, y), (test, y_test), "standardised: mean 0 and deviation 1, as by StandardScaler"


def _moved(rng: np.random.Generator) -> tuple[Pair, Pair, str]:
    """Nearly all test features are of one class: a scaler of their own moves half of them over the border."""
    y, y_test, _, _ = _two_classes(rng)
    y_test = np.where(np.arange(N_TEST) < N_TEST - 4, 1, 0)
    good, good_test = (
        # A firm penalty puts the border half-way between the means, so the nearer ones stand clear of it.
        np.where(of == 0, -1, np.where(rng.permutation(len(of)) % 2, 2, 5)) + 0.1 * rng.normal(size=len(of))
        for of in (y, y_test)
    )
    noise, noise_test = 0.3 * rng.normal(size=N_TRAIN), 0.1 * rng.normal(size=N_TEST)
    hint = "scaler.fit_transform(training features), then scaler.transform(test features)"
    return (_columns(good, noise), y), (_columns(good_test, noise_test), y_test), hint


def _far_out(rng: np.random.Generator) -> tuple[Pair, Pair, str]:
    """Some test features lie far out: a scaler that has seen them leaves nothing of the good training feature."""
    y, y_test, good, good_test = _two_classes(rng)
    good_test[-8:] *= 1e4
    train = _columns(good, _misleading(y, rng))
    test = _columns(good_test, 0.5 - y_test)
    return (train, y), (test, y_test), "fit the scaler on the training features alone"


def _beyond_a_line(rng: np.random.Generator) -> tuple[Pair, Pair, str]:
    """Behind one class lie a few of the other one: a line has to give them up, and what bends finds them."""
    y, y_test, good, good_test = _two_classes(rng)
    good[np.flatnonzero(y == 0)[:24]] += 3.5
    good_test[np.flatnonzero(y_test == 1)[:14]] += 1.5
    noise, noise_test = rng.normal(size=N_TRAIN), rng.normal(size=N_TEST)
    hint = "a linear classifier, LogisticRegression: it is the features that a probe measures"
    return (_columns(good, noise), y), (_columns(good_test, noise_test), y_test), hint

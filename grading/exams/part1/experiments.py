"""Exams of the studies of Part I that end in a table or in two numbers: batch sizes, folds, the comparison.

A trusted, recording network takes the place of the student's own, and recording estimators that of scikit-learn's, so
that nothing here depends on an earlier task.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score

from grading.exam import exam, idea
from grading.exams.part1 import probes
from grading.exams.part1.trusted import recorded_settings
from grading.handle import Ref, Student, StudentError, items, size
from grading.judge import Fail, close, frame, integers, number, ok

# --- test-batch-size-study ----------------------------------------------------------------------------------------


@exam("test-batch-size-study", points=4)
def batch_sizes_compared(student: Student, rng: np.random.Generator) -> None:
    """A table of trusted networks, trained on data of the exam under the notebook's names.

    Split: rows and columns 2; each row the last epoch of a new network, with its seconds, 2.
    """
    y = rng.permutation(np.arange(26) % 10)
    X = rng.normal(size=(26, 784)) + rng.normal(size=(10, 784))[y]
    X_val, y_val = X[:20] + 0.3 * rng.normal(size=(20, 784)), y[:20]  # learnt in two epochs, spoilt in the last
    loaded = student.load(probes, "RecordingMLP")
    loaded.RecordingMLP.nap = 0.01
    loaded.RecordingMLP.stumbles = True
    for name, stand_in in (
        ("MLPFromScratch", loaded.RecordingMLP),
        ("X_train", X),
        ("y_train", y),
        ("X_val", X_val),
        ("y_val", y_val),
    ):
        student.replace(name, stand_in)
    sizes = [int(rng.integers(12, 21)), int(rng.integers(5, 9))]  # falling: sorting them is a mistake
    epochs = 4
    started = time.perf_counter()
    answer = student.batch_size_study(sizes, epochs)
    wall = time.perf_counter() - started
    columns = ("final_loss", "val_accuracy", "seconds")
    with idea("a row a batch size, with its three columns", 2):
        table = frame(answer, "the result of batch_size_study", columns=columns)
        ok(_index_is(table, sizes), expected="the batch sizes as the index, in their order", came=_index_of(table))
    with idea("the last epoch of a new network in each row", 2):
        table = frame(answer, "the result of batch_size_study", columns=columns)
        runs = items(loaded.RUNS, 50)
        hint = "make a new MLPFromScratch in each turn of the loop, and train it on X_train, y_train"
        ok(len(runs) == 2, expected="one training a batch size", came=f"{len(runs)}", hint=hint)
        for row, (batch_size, run) in enumerate(zip(sizes, runs, strict=True)):
            ok(run["batch_size"] == batch_size, expected="the batch size of its row", came=run["batch_size"], hint=hint)
            ok(
                run["epochs"] == epochs,
                expected="as many epochs as asked for",
                came=run["epochs"],
                hint="pass epochs on",
            )
            network = probes.TrustedMLP(**recorded_settings(run))
            network.stumbles = True
            losses, accuracies = network.train(X, y, X_val, y_val, epochs, batch_size)
            _last_epoch(table.iloc[row], losses[-1], accuracies[-1])
            seconds = number(table["seconds"].iloc[row], "seconds")
            came = f"{seconds:.3g} s"
            took = run["seconds"] * 0.9 <= seconds <= wall
            ok(took, expected="the seconds that this training took", came=came, hint="stop the clock after train")
        total = sum(number(seconds, "seconds") for seconds in table["seconds"])
        came, hint = f"{total:.3g} s in all, within {wall:.3g} s", "start the clock anew for each network"
        ok(total <= wall, expected="the seconds of each training alone", came=came, hint=hint)


def _last_epoch(row: Any, loss: float, accuracy: float) -> None:
    hint = "the last value of each history that train returns, of a network trained for this row alone"
    close(number(row["final_loss"], "final_loss"), loss, "final_loss", rtol=1e-4, hint=hint)
    close(number(row["val_accuracy"], "val_accuracy"), accuracy, "val_accuracy", rtol=1e-4, atol=1e-6, hint=hint)


def _index_is(table: pd.DataFrame, wanted: list[Any]) -> bool:
    return len(table) == len(wanted) and all(bool(a == b) for a, b in zip(table.index, wanted, strict=True))


def _index_of(table: pd.DataFrame) -> str:
    return f"the index {[str(label)[:20] for label in table.index[:8]]}"


# --- bonus-k-fold -------------------------------------------------------------------------------------------------


@exam("bonus-k-fold", points=6)
def folds_by_hand(student: Student, rng: np.random.Generator) -> None:
    """What each fold trains and holds out, seen by recording estimators; the scores are computed again here.

    Split: mean and deviation 2; stratified, shuffled folds that hold each sample out once 2; a clone a fold, fitted
    with what precedes it inside the fold, the given model left unfitted 2.
    """
    k = int(rng.choice([3, 4, 6]))  # never the default
    y = np.sort(np.arange(12 * k) % 3)  # sorted by class: folds without shuffling are easily told
    loaded = student.load(probes, "NearestMean", "RecordingScaler")

    def ask() -> Folds:
        X = np.column_stack([np.arange(12 * k), rng.normal(size=(12 * k, 2)) + 1.5 * np.eye(3)[y][:, :2]])
        done, model = size(loaded.FITS), loaded.NearestMean()
        answer = student.k_fold_scores(model, X, y, k)
        return Folds(X, y, k, model, answer, items(loaded.FITS, done + 200)[done:])

    asked = ask()
    with idea("the mean and the standard deviation of the fold accuracies", 2):
        _spread_right(asked)
        for _ in range(3):  # a median may happen to be the mean, a share of mistakes the accuracy
            _spread_right(ask())
    fits = asked.fits()
    with idea("stratified and shuffled folds", 2):
        held_out = [np.setdiff1d(np.arange(len(y)), rows) for rows in fits]
        together = sorted(np.concatenate(held_out).tolist()) if held_out else []
        once = len(fits) == k and together == list(range(len(y)))
        ok(once, expected="each sample held out exactly once", came="other folds", hint="StratifiedKFold makes them")
        counts = {tuple(np.bincount(y[rows], minlength=3).tolist()) for rows in held_out}
        ok(counts == {(4, 4, 4)}, expected="the same share of every class in each fold", came=f"{sorted(counts)}")
        runs = [bool((np.diff(rows[y[rows] == 0]) == 1).all()) for rows in held_out]
        ok(not all(runs), expected="shuffled folds", came="folds in the order of the data", hint="shuffle=True")
    with idea("a clone a fold, and everything fitted inside it", 2):
        _clones(asked)
        _fits_inside(student, loaded, asked)


@dataclass(frozen=True)
class Folds:
    """One call of `k_fold_scores`: what it was given, what it answered, and what its estimators noted."""

    X: np.ndarray
    y: np.ndarray
    k: int
    model: Ref
    answer: Any
    noted: list[dict[str, Any]]

    def fits(self) -> list[np.ndarray]:
        """Return the rows of each fit."""
        fits = [integers(note["rows"], "the rows of a fold") for note in self.noted if note["what"] == "fit"]
        inside = all(bool(((rows >= 0) & (rows < len(self.y))).all()) for rows in fits)
        ok(inside, expected="folds of the rows of X", came="other rows", hint="index X as it was given")
        return fits

    def score(self, rows: np.ndarray) -> float:
        """Return the accuracy of a trusted model on what a fit on these rows holds out."""
        held_out = np.setdiff1d(np.arange(len(self.y)), rows)
        model = probes.NearestMean().fit(self.X[rows], self.y[rows])
        return float(model.score(self.X[held_out], self.y[held_out]))


def _spread_right(asked: Folds) -> None:
    hint = "return np.mean(scores), np.std(scores)"
    pair = isinstance(asked.answer, (tuple, list, np.ndarray)) and np.shape(asked.answer) == (2,)
    ok(pair, expected="a mean and a deviation", came=asked.answer if not pair else "", hint=hint)
    fits = asked.fits()
    ok(len(fits) == asked.k, expected=f"{asked.k} fits for k={asked.k}", came=f"{len(fits)}", hint="one fit per fold")
    scores = [asked.score(rows) for rows in fits]
    mean, deviation = (number(part, "the mean or the deviation") for part in asked.answer)
    close(mean, np.mean(scores), "the mean accuracy", rtol=1e-6, atol=1e-9, hint=hint)
    near = min(abs(deviation - np.std(scores, ddof=ddof)) for ddof in (0, 1)) < 1e-6
    ok(bool(near), expected="the deviation of the fold accuracies", came=f"{deviation:.4g}", hint=hint)


def _clones(asked: Folds) -> None:
    hint = "sklearn.base.clone(model) gives an unfitted copy: one for each fold"
    fitted = {note["model"] for note in asked.noted if note["what"] == "fit"}
    ok(len(fitted) == asked.k, expected="a model of its own for each fold", came=f"{len(fitted)}", hint=hint)
    try:
        asked.model.classes_  # noqa: B018 (reading it over there is the question)
    except StudentError:
        return
    raise Fail("the given model left as it was, unfitted", "it is fitted", hint)


def _fits_inside(student: Student, loaded: Ref, asked: Folds) -> None:
    """A pipeline's first step sees the rows of its fold, never all of them."""
    done, n_samples = size(loaded.FITS), len(asked.y)
    pipeline = student.library("sklearn.pipeline").make_pipeline(loaded.RecordingScaler(), loaded.NearestMean())
    student.k_fold_scores(pipeline, asked.X, asked.y, asked.k)
    scaled = [note for note in items(loaded.FITS, done + 400)[done:] if note["what"] == "scaler"]
    sizes = {len(integers(note["rows"], "the rows of a fold")) for note in scaled}
    inside = len(scaled) == asked.k and sizes == {n_samples - n_samples // asked.k}
    hint = "clone and fit the whole model that you are given, pipeline or not, on the fold's training rows"
    ok(inside, expected="a pipeline fitted as a whole in each fold", came=f"fits on {sorted(sizes)} rows", hint=hint)


# --- test-compare-classifiers -------------------------------------------------------------------------------------


@exam("test-compare-classifiers", points=5)
def comparison_is_a_table(student: Student, rng: np.random.Generator) -> None:
    """A table of scripted estimators whose answers the exam knows and whose times they note themselves.

    Split: rows and columns 1; accuracy and macro-F1 2; seconds of fit and of one predict 2.
    """
    loaded = student.load(probes, "Scripted")
    n_test = 60
    y_test = rng.permutation(np.repeat([0, 1, 2], [40, 15, 5]))  # unequal, so that the averages of F1 differ
    X_test = np.column_stack([np.arange(n_test), rng.normal(size=n_test)])
    X_train = np.column_stack([1000 + np.arange(20), rng.normal(size=20)])  # no number of a test sample
    y_train = np.arange(20) % 3
    answers = {
        name: np.where(rng.random(n_test) < 0.3, rng.integers(3, size=n_test), y_test) for name in (FIT, PREDICT)
    }

    def compare(nap: float) -> pd.DataFrame:
        naps = {FIT: (nap, nap / 8), PREDICT: (nap / 8, nap)}
        models = {name: loaded.Scripted(table, *naps[name], name=name) for name, table in answers.items()}
        result = student.compare_classifiers(models, X_train, y_train, X_test, y_test)
        columns = ("accuracy", "macro_f1", "fit_seconds", "predict_seconds")
        return frame(result, "the result of compare_classifiers", columns=columns)

    table = compare(0.03)
    with idea("a row a model, named by its key", 1):
        came = _index_of(table)
        named = sorted(map(str, table.index)) == sorted(answers)
        ok(named, expected="the names of the models as the index", came=came, hint="index=, or from_dict(…, 'index')")
    table = _by_name(table)
    with idea("accuracy and macro-F1 on the test data", 2):
        for name, predicted in answers.items():
            accuracy = number(table["accuracy"].get(name), "accuracy")
            close(accuracy, accuracy_score(y_test, predicted), "accuracy", rtol=1e-6, hint="on X_test and y_test")
            macro_f1 = number(table["macro_f1"].get(name), "macro_f1")
            hint = "f1_score(y_test, y_pred, average='macro'): true labels first"
            close(macro_f1, f1_score(y_test, predicted, average="macro"), "macro_f1", rtol=1e-6, hint=hint)
        fits = [note for note in items(loaded.FITS, 100) if note["what"] == "fit"]
        given = [np.sort(integers(note["rows"], "the rows given to fit")).tolist() for note in fits]
        leak_free = len(fits) >= len(answers) and all(rows == X_train[:, 0].tolist() for rows in given)
        hint = "model.fit(X_train, y_train); test rows in fit are a leak"
        ok(leak_free, expected="models fitted on X_train alone", came="other rows", hint=hint)
    with idea("seconds of fit and of one predict", 2):
        _times_right(table, loaded, compare)


FIT, PREDICT = "slow to fit", "slow to predict"


def _by_name(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the names of the models as its index; where they are a column, that costs elsewhere."""
    for column in table.columns:
        if sorted(map(str, table[column])) == sorted((FIT, PREDICT)):
            return table.set_index(column)
    return table


def _times_right(table: pd.DataFrame, loaded: Ref, compare: Callable[[float], pd.DataFrame]) -> None:
    """Compare the times with those that the estimators noted; a busy machine gets more tries, with longer naps."""
    done = 0
    for nap in (0.12, 0.5, None):
        noted = items(loaded.FITS, done + 100)
        try:
            _times_agree(table, noted[done:])
        except Fail:
            if nap is None:
                raise
            done, table = len(noted), _by_name(compare(nap))
        else:
            return


def _times_agree(table: pd.DataFrame, noted: list[dict[str, Any]]) -> None:
    for name in (FIT, PREDICT):
        noted_here = [note for note in noted if note.get("name") == name]
        for what, column in (("fit", "fit_seconds"), ("predict", "predict_seconds")):
            took = [number(note["seconds"], "seconds") for note in noted_here if note["what"] == what]
            ok(len(took) > 0, expected=f"a call of {what} for each model", came="none", hint=f"call model.{what}")
            seconds = number(table[column].get(name), column)
            other = max((number(note["seconds"], "seconds") for note in noted_here if note["what"] != what), default=0)
            # Half of the other call's time is room for what a clock sees between two calls.
            fits = min(took) * 0.95 <= seconds <= max(took) + 0.5 * other + 0.005
            hint = f"time.perf_counter() right before and right after {what}, for each model"
            ok(fits, expected=f"in {column} the wall time of {what} alone", came=f"{seconds:.3g} s", hint=hint)

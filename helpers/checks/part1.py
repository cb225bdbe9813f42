"""The self-checks of Part I: small numbers that one can follow by hand, and hints.

What is checked here is a part of what is graded, on other numbers. Arrays are compared loosely enough for
float32, and weights may be stored as (n_out, n_in) or as (n_in, n_out).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from .selfcheck import Checks, Names, expect, expect_array

checks = Checks()
check, hint = checks.check, checks.hint

PARAMETERS = ("W1", "b1", "W2", "b2")


def _network(names: Names, **sizes: Any) -> Any:
    return names["MLPFromScratch"](**{"n_input": 5, "n_hidden": 4, "n_output": 3, "seed": 0, **sizes})


def _method(names: Names, name: str) -> Callable[..., Any]:
    """Return a method of a network that may not have been initialised: `softmax` works before `__init__` does."""
    try:
        return getattr(_network(names), name)
    except NotImplementedError:
        cls = names["MLPFromScratch"]
        return getattr(cls.__new__(cls), name)


def _batch(n_samples: int = 6, n_features: int = 5, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % n_classes


@checks.add(
    "mlp-init",
    needs=("MLPFromScratch",),
    hints=(
        "Each layer has its own number of inputs: n_input for W1, n_hidden for W2.",
        "`self.rng.standard_normal((n_hidden, n_input))` has a standard deviation of 1. What must it be multiplied by?",
        "A velocity has the shape of its parameter: `self.vW1 = np.zeros_like(self.W1)`, and so on.",
    ),
)
def mlp_init(names: Names) -> None:
    """Sizes, zeros, He's scale."""
    net = _network(names, n_input=300, n_hidden=200, n_output=40)
    for name, size in (("W1", 60_000), ("b1", 200), ("W2", 8_000), ("b2", 40)):
        for attribute in (name, "v" + name):
            expect(hasattr(net, attribute), f"an attribute `{attribute}`", "none", "Set it in `__init__`.")
            count = np.size(getattr(net, attribute))
            expect(count == size, f"{size:,} numbers in `{attribute}`", f"{count:,}", "Which layer, and how large?")
    for attribute in ("b1", "b2", "vW1", "vb1", "vW2", "vb2"):
        values = np.asarray(getattr(net, attribute))
        expect(values == 0, f"zeros in `{attribute}`", "something else", "Only W1 and W2 start at random.")
    for name, n_in in (("W1", 300), ("W2", 200)):
        came, wanted = float(np.std(getattr(net, name))), float(np.sqrt(2 / n_in))
        expect(
            abs(came / wanted - 1) < 0.05,
            f"a standard deviation of √(2/{n_in}) = {wanted:.4f} in `{name}`",
            f"{came:.4f}",
            "He's rule divides by the number of inputs of *this* layer, under the root.",
        )


@checks.add(
    "mlp-activations",
    needs=("MLPFromScratch",),
    hints=(
        "`np.maximum` compares element by element; `np.max` finds one number.",
        "`x > 0` is an array of True and False. What is it as numbers?",
        "Subtract the largest logit of each row before the exponential, with `keepdims=True`.",
    ),
)
def mlp_activations(names: Names) -> None:
    """relu, its derivative, softmax."""
    x = np.array([[-2.0, 0.0, 3.0]])
    relu = expect_array(_method(names, "relu")(x), "relu(x)", (1, 3), "relu keeps the shape.")
    expect(relu == [[0, 0, 3]], "relu of (-2, 0, 3) to be (0, 0, 3)", f"{relu.ravel()}", "max(0, x), one by one.")
    slope = expect_array(_method(names, "relu_derivative")(x), "relu_derivative(x)", (1, 3), "It keeps the shape.")
    expect(slope == [[0, 0, 1]], "slopes (0, 0, 1) at (-2, 0, 3)", f"{slope.ravel()}", "At 0 we agreed on 0.")

    softmax = _method(names, "softmax")
    ordinary = expect_array(softmax(np.array([[2.0, 1.0, 0.0], [0, 0, 0]])), "softmax(x)", (2, 3), "One row a sample.")
    expect(
        np.isclose(ordinary.sum(axis=1), 1),
        "rows that sum to 1",
        f"sums {ordinary.sum(axis=1).round(3)}",
        "Along which axis do you sum? A row is a sample.",
    )
    expect(
        np.isclose(ordinary[0], [0.665, 0.245, 0.09], atol=1e-3),
        "(0.67, 0.24, 0.09) for the logits (2, 1, 0)",
        f"{ordinary[0].round(2)}",
        "The worked example in the text goes through it step by step.",
    )
    huge = np.array([[1000.0, 0.0, -1000.0]])
    stable = expect_array(
        softmax(huge), "softmax of ±1000", (1, 3), "exp(1000) overflows: subtract each row's maximum."
    )
    expect(
        np.isclose(stable, [[1, 0, 0]]),
        "(1, 0, 0)",
        f"{stable.ravel()}",
        "Subtract the maximum of each *row*.",
    )


@checks.add(
    "mlp-forward",
    needs=("MLPFromScratch",),
    hints=(
        "Four lines: z1, a1, z2, a2, each kept on `self`, the last one returned.",
        "X (n, 784) times W1ᵀ (784, 128) gives (n, 128). `W.T` is the transpose, `@` the product.",
    ),
)
def mlp_forward(names: Names) -> None:
    """Shape, probabilities, and what is kept."""
    net = _network(names)
    X, _ = _batch()
    probabilities = expect_array(net.forward(X), "forward(X)", (6, 3), "One row a sample, one column a class.")
    expect(
        np.isclose(probabilities.sum(axis=1), 1, atol=1e-5),
        "rows that sum to 1",
        f"{probabilities.sum(axis=1).round(3)}",
        "The last step is the softmax, row by row.",
    )
    for name in ("z1", "a1", "z2", "a2"):
        expect(
            getattr(net, name, None) is not None,
            f"`self.{name}` to be kept",
            "nothing",
            "backward will need it.",
        )
    z1, a1 = np.asarray(net.z1), np.asarray(net.a1)
    expect(a1 == np.maximum(z1, 0), "a1 = ReLU(z1)", "something else", "Did relu change z1 in place?")
    expect(
        np.isclose(np.asarray(net.a2).ravel().sum(), 6, atol=1e-4),
        "a2 to hold the probabilities",
        "other numbers",
        "a2 is what forward returns.",
    )
    once, twice = np.asarray(net.forward(X[:1])), np.asarray(net.forward(2 * X[:1]))
    expect(not np.allclose(once, twice), "other probabilities for another image", "the same", "Is X used at all?")


@checks.add(
    "mlp-loss",
    needs=("MLPFromScratch",),
    hints=(
        "Only one probability of each row matters: that of the true class.",
        "`y_pred[np.arange(n), y_true]` picks one number a row.",
    ),
)
def mlp_loss(names: Names) -> None:
    """The value of the loss on two rows."""
    compute_loss = _method(names, "compute_loss")
    y_pred, y_true = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), np.array([0, 2])
    loss = float(expect_array(compute_loss(y_pred, y_true), "compute_loss(…)", (), "Return one number, not an array."))
    expect(
        abs(loss - 0.4581) < 1e-3,
        "−(log 0.5 + log 0.8) / 2 = 0.458",
        f"{loss:.4f}",
        "0.916 would be the sum instead of the mean; 0.153 the mean over all six entries.",
    )
    zero = float(
        expect_array(compute_loss(np.array([[0.0, 1.0]]), np.array([0])), "the loss at probability 0", (), "ε!")
    )
    expect(
        abs(zero - 18.42) < 0.5,
        "−log(1e-8) = 18.42 at probability 0",
        f"{zero:.2f}",
        "ε = 1e-8 inside the log.",
    )


@checks.add(
    "mlp-backward",
    needs=("MLPFromScratch",),
    hints=(
        "Print the shape of every array that you compute. A gradient has the shape of its parameter.",
        "First all gradients, then all updates: W2 is needed as it was on the way forward.",
        "The gate of the ReLU looks at z1. The bias gradients are means over the samples, axis 0.",
        "d2 = ŷ − y, then dW2 = d2ᵀ a1 / n, d1 = (d2 W2) ⊙ 1[z1 > 0], dW1 = d1ᵀ X / n.",
    ),
)
def mlp_backward(names: Names) -> None:
    """Each parameter's step against a numerical gradient of the notebook's own loss."""
    net = _network(names, learning_rate=0.5)
    X, y = _batch()
    for name in PARAMETERS:  # float64, and biases that are not zero, so that each entry counts
        value = np.asarray(getattr(net, name), dtype=float)
        setattr(net, name, value + 0.1 * np.random.default_rng(2).normal(size=value.shape))
        setattr(net, "v" + name, np.zeros_like(value))
    before = {name: np.array(getattr(net, name)) for name in PARAMETERS}
    expected = {name: _numerical_gradient(net, name, X, y) for name in PARAMETERS}
    net.forward(X)
    net.backward(X, y, momentum=0.0)
    moved = any(not np.array_equal(before[name], getattr(net, name)) for name in PARAMETERS)
    expect(
        moved,
        "weights that change",
        "the same weights",
        "W ← W + v; assign the result to `self.W1` and so on.",
    )
    for name in reversed(PARAMETERS):  # from the loss backwards, as one derives them
        came = (before[name] - np.asarray(getattr(net, name))) / 0.5
        expect(
            came.shape == before[name].shape,
            f"`{name}` to keep its shape",
            f"{came.shape}",
            "Compare the shapes.",
        )
        scale = np.abs(expected[name]).max()
        error = np.abs(came - expected[name]).max() / scale
        expect(
            error < 1e-3,
            f"the step of `{name}` to follow its numerical gradient",
            f"a relative difference of {error:.1g} (below 1e-3 is right)",
            _guess(came, expected[name], len(X)),
        )


def _numerical_gradient(net: Any, name: str, X: np.ndarray, y: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Central differences of the student's own loss by one parameter, which is restored."""
    original = getattr(net, name)
    gradient = np.zeros_like(original)
    for index in np.ndindex(*original.shape):
        losses = []
        for step in (h, -h):
            nudged = original.copy()
            nudged[index] += step
            setattr(net, name, nudged)
            losses.append(-np.log(np.asarray(net.forward(X))[np.arange(len(y)), y]).mean())
        gradient[index] = (losses[0] - losses[1]) / (2 * h)
    setattr(net, name, original)
    return gradient


def _guess(came: np.ndarray, expected: np.ndarray, n_samples: int) -> str:
    """Name the usual cause where the two differ by a factor."""
    ratio = float((came * expected).sum() / (expected**2).sum())
    if np.allclose(came, ratio * expected, rtol=1e-2, atol=1e-6):
        if abs(ratio - n_samples) < 0.05 * n_samples:
            return f"It is {n_samples} times too long for {n_samples} samples: the mean, not the sum."
        if ratio < 0:
            return "It points uphill: v ← momentum·v − lr·∇L, then W ← W + v."
        return f"It is {ratio:.3g} times too long."
    return "The direction differs: go through the five steps of the derivation for this parameter."


@checks.add(
    "mlp-momentum",
    needs=("MLPFromScratch",),
    hints=(
        "Each parameter has a velocity of its own, and the velocity outlives the call: keep it on `self`.",
        "v ← momentum·v − lr·gradient, then W ← W + v. The argument is called `momentum`; do you use it?",
    ),
)
def mlp_momentum(names: Names) -> None:
    """The second step with momentum is the plain step plus momentum times the first."""
    X, y = _batch()
    net, plain = _network(names, learning_rate=0.1), _network(names, learning_rate=0.1)
    start = {name: np.array(getattr(net, name)) for name in PARAMETERS}
    net.forward(X)
    net.backward(X, y, momentum=0.8)
    middle = {name: np.array(getattr(net, name)) for name in PARAMETERS}
    for name, value in middle.items():
        setattr(plain, name, value.copy())
    net.forward(X)
    net.backward(X, y, momentum=0.8)
    plain.forward(X)
    plain.backward(X, y, momentum=0.0)
    expect(
        not np.array_equal(start["W2"], middle["W2"]),
        "weights that change",
        "the same",
        "Write backward first.",
    )
    for name in PARAMETERS:
        remembered = np.asarray(getattr(net, name)) - np.asarray(getattr(plain, name))
        first = middle[name] - start[name]
        expect(
            np.allclose(remembered, 0.8 * first, atol=1e-5),
            f"the second step of `{name}` to be the plain one plus 0.8 times the first",
            f"plus {float((remembered * first).sum() / (first**2).sum() or 0):.2f} times the first",
            "v must remember: v ← momentum·v − lr·∇L.",
        )


@checks.add(
    "mlp-train",
    needs=("MLPFromScratch",),
    hints=(
        "Two loops: over epochs, and inside it over the batches.",
        "`range(0, n, batch_size)` gives the starts of all batches; a slice that runs past the end is simply shorter.",
        "Draw one permutation an epoch and index X and y by the same piece of it. X_train itself stays as it is.",
    ),
)
def mlp_train(names: Names) -> None:
    """Which samples each epoch steps on, what comes back, and what is left alone."""
    X, y = np.eye(11), np.arange(11) % 3
    seen: list[tuple[list[int], list[int]]] = []

    network_class: Any = names["MLPFromScratch"]

    class Watched(network_class):
        def backward(self, X_batch: Any, y_batch: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((np.argmax(X_batch, axis=1).tolist(), np.asarray(y_batch).tolist()))
            return super().backward(X_batch, y_batch, *args, **kwargs)

    net = Watched(n_input=11, n_hidden=8, n_output=3, learning_rate=0.1, seed=0)
    X_given, y_given = X.copy(), y.copy()
    answer = net.train(X_given, y_given, X[:5], y[:5], epochs=4, batch_size=4)
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2 and all(np.shape(part) == (4,) for part in answer),
        "two lists of four numbers, one an epoch",
        type(answer).__name__ if not isinstance(answer, tuple) else f"shapes {[np.shape(part) for part in answer]}",
        "Return (train_losses, val_accuracies).",
    )
    expect(seen, "steps by `self.backward(X_batch, y_batch)`", "none", "train calls backward after each forward.")
    rows = [row for batch, _ in seen for row in batch]
    labels = [int(label) for _, batch in seen for label in batch]
    expect(
        len(rows) == 44,
        "4 × 11 samples in 4 epochs",
        f"{len(rows)}",
        "Is the short last batch used? It has 3.",
    )
    epochs = [rows[start : start + 11] for start in range(0, 44, 11)]
    expect(
        all(sorted(epoch) == list(range(11)) for epoch in epochs),
        "every sample once an epoch",
        "some twice, some never",
        "A permutation holds each row number once.",
    )
    matched = labels == [int(y[row]) for row in rows]
    expect(matched, "each image with its own label", "labels of other images", "Index both by the same rows.")
    expect(
        len({tuple(epoch) for epoch in epochs}) == 4,
        "a new order each epoch",
        "one twice",
        "Shuffle in the loop.",
    )
    unchanged = np.array_equal(X_given, X) and np.array_equal(y_given, y)
    expect(unchanged, "X_train and y_train unchanged", "changed arrays", "Shuffle row numbers, not the arrays.")
    losses, accuracies = (np.asarray(part, dtype=float) for part in answer)
    expect(losses[-1] < losses[0], "a loss that falls", f"{losses.round(3)}", "Are forward and backward right?")
    expect(
        (accuracies >= 0) & (accuracies <= 1),
        "accuracies from 0 to 1",
        f"{accuracies}",
        "A share, no percentage.",
    )


@checks.add(
    "mlp-predict",
    needs=("MLPFromScratch",),
    hints=("`argmax` gives the position of the largest number; along which axis?",),
)
def mlp_predict(names: Names) -> None:
    """The position of the largest probability of each row."""
    net = _network(names)
    X, _ = _batch()
    predicted = expect_array(net.predict(X), "predict(X)", (6,), "One label a sample, no probabilities.")
    expect(
        predicted == np.argmax(np.asarray(net.forward(X)), axis=1),
        "the class of the largest probability",
        "another class",
        "argmax over the classes, axis=1.",
    )


@checks.add(
    "batch-size-study",
    needs=("batch_size_study", "MLPFromScratch", "X_train", "y_train", "X_val", "y_val"),
    hints=(
        "A loop over the sizes, a new network in each turn, and a row of three numbers from it.",
        "`time.perf_counter()` before and after; `pd.DataFrame(rows, index=batch_sizes)` at the end.",
    ),
)
def batch_size_study(names: Names) -> None:
    """Rows and columns of a table for two sizes."""
    table = names["batch_size_study"]([256, 512], 1)
    _expect_table(table, [256, 512], ["final_loss", "val_accuracy", "seconds"])
    expect(
        table["seconds"] > 0,
        "seconds above zero",
        f"{table['seconds'].tolist()}",
        "Stop the clock after train.",
    )
    expect(
        (table["val_accuracy"] >= 0) & (table["val_accuracy"] <= 1),
        "accuracies from 0 to 1",
        f"{table['val_accuracy'].tolist()}",
        "Take the last value of the second list that train returns.",
    )


def _expect_table(table: Any, index: list[Any], columns: list[str]) -> None:
    expect(
        isinstance(table, pd.DataFrame),
        "a pandas DataFrame",
        type(table).__name__,
        "Build one and return it.",
    )
    came = list(table.index)
    expect(
        came == index,
        f"the rows {index}",
        f"{came}",
        "Is that column the index? See `index=` or `set_index`.",
    )
    missing = [column for column in columns if column not in table.columns]
    expect(not missing, f"the columns {columns}", f"no {missing}", "The names count, letter by letter.")


@checks.add(
    "svm-grid-search",
    needs=("tune_svm",),
    hints=(
        "`GridSearchCV(estimator, param_grid, cv=cv, scoring='accuracy')`; `fit` returns the search itself.",
        "A default of None and an `if` inside; a dict as a default would be shared by all calls.",
    ),
)
def svm_grid_search(names: Names) -> None:
    """A fitted search over nine points, and over one."""
    from sklearn.model_selection import GridSearchCV

    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], 12)
    X = rng.normal(size=(24, 4)) + 2 * y[:, None]
    search = names["tune_svm"](X, y, cv=2)
    expect(
        isinstance(search, GridSearchCV),
        "a GridSearchCV",
        type(search).__name__,
        "Return the search, fitted.",
    )
    expect(hasattr(search, "cv_results_"), "a fitted search", "one that was not fitted", "Call .fit(X, y) on it.")
    n_points = len(search.cv_results_["params"])
    expect(n_points == 9, "nine combinations by default", f"{n_points}", "Three values of C, three of gamma.")
    small = names["tune_svm"](X, y, param_grid={"C": [2.0]}, cv=4)
    expect(
        len(small.cv_results_["params"]) == 1,
        "the given grid to be used",
        "another",
        "What is param_grid for?",
    )
    expect(small.n_splits_ == 4, "cv=4 to be obeyed", f"{small.n_splits_} folds", "Pass cv on.")


@checks.add(
    "sklearn-wrapper",
    needs=("MLPClassifier", "MLPFromScratch"),
    hints=(
        "`self.classes_, positions = np.unique(y, return_inverse=True)` gives labels and positions at once.",
        "How many inputs and outputs? `X.shape[1]` and `len(self.classes_)`; fit knows both.",
        "`self.classes_[positions]` translates back. `fit` ends with `return self`.",
    ),
)
def sklearn_wrapper(names: Names) -> None:
    """Fit, predict, score on labels that are words; clone."""
    from sklearn.base import clone

    rng = np.random.default_rng(4)
    y = np.repeat(["cat", "dog"], 20)
    X = rng.normal(size=(40, 3)) + 3 * (y == "dog")[:, None]
    model = names["MLPClassifier"](hidden_size=6, learning_rate=0.1, epochs=5, batch_size=8, random_state=0)
    fitted = model.fit(X, y)
    expect(fitted is model, "fit to return the estimator itself", type(fitted).__name__, "return self")
    predicted = np.asarray(model.predict(X))
    expect(predicted.shape == (40,), "one label a sample", f"shape {predicted.shape}", "predict returns (n,).")
    expect(np.isin(predicted, y), "labels 'cat' and 'dog'", f"{predicted[:3]}", "Translate back by classes_.")
    score = float(model.score(X, y))
    expect(
        score > 0.8,
        "most of 40 well-separated points right",
        f"{score:.2f}",
        "Are labels and positions mixed up?",
    )
    copied = clone(model)
    expect(
        copied.epochs == 5,
        "clone to keep the settings",
        f"epochs={copied.epochs}",
        "Leave __init__ as it is.",
    )


@checks.add(
    "k-fold",
    needs=("k_fold_scores",),
    hints=(
        "`StratifiedKFold(n_splits=k, shuffle=True, random_state=…).split(X, y)` gives row numbers.",
        "In each turn: `clone(model)`, fit on the one part, score on the other. At the end `np.mean`, `np.std`.",
    ),
)
def k_fold(names: Names) -> None:
    """Two numbers for a model that is always right."""
    from sklearn.neighbors import KNeighborsClassifier

    y = np.arange(30) % 3
    X = np.eye(3)[y]
    model = KNeighborsClassifier(1)
    answer = names["k_fold_scores"](model, X, y, k=3)
    expect(np.shape(answer) == (2,), "a mean and a deviation", f"{answer!r}"[:80], "return mean, std")
    mean, deviation = (float(part) for part in answer)
    expect(
        abs(mean - 1) < 1e-9,
        "a mean of 1 for a model that is always right",
        f"{mean}",
        "Score the part left out.",
    )
    expect(abs(deviation) < 1e-9, "no deviation", f"{deviation}", "The deviation of the k accuracies.")
    expect(not hasattr(model, "classes_"), "the given model unfitted", "fitted", "Fit a clone in each fold.")


@checks.add(
    "compare-classifiers",
    needs=("compare_classifiers",),
    hints=(
        "A loop over `models.items()`; three readings of the clock around fit and predict.",
        "`f1_score(y_test, y_pred, average='macro')`, and `pd.DataFrame.from_dict(rows, orient='index')`.",
    ),
)
def compare_classifiers(names: Names) -> None:
    """A table of two dummies with known scores."""
    from sklearn.dummy import DummyClassifier

    X, y = np.zeros((8, 1)), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    models = {"always 0": DummyClassifier(strategy="constant", constant=0), "most": DummyClassifier()}
    table = names["compare_classifiers"](models, X, y, X, y)
    _expect_table(table, list(models), ["accuracy", "macro_f1", "fit_seconds", "predict_seconds"])
    accuracy, macro_f1 = (float(table.loc["always 0", column]) for column in ("accuracy", "macro_f1"))
    expect(
        abs(accuracy - 0.75) < 1e-6,
        "accuracy 0.75 for always saying 0",
        f"{accuracy:.3f}",
        "On the test data.",
    )
    expect(
        abs(macro_f1 - 0.4286) < 1e-3,
        "a macro-F1 of 0.429: the mean of 0.857 and 0",
        f"{macro_f1:.3f}",
        "average='macro'; 0.75 would be micro, 0.643 weighted.",
    )
    expect(table[["fit_seconds", "predict_seconds"]] > 0, "times above zero", "zero", "time.perf_counter()")


@checks.add(
    "classical-baselines",
    needs=("classical_baselines",),
    hints=("`LogisticRegression(max_iter=1000)` and `RandomForestClassifier(n_estimators=200, …)` in a dict.",),
)
def classical_baselines(names: Names) -> None:
    """Two unfitted estimators, one of them a forest of 200 trees."""
    from sklearn.ensemble import RandomForestClassifier

    models = names["classical_baselines"](random_state=7)
    expect(isinstance(models, dict), "a dict of estimators", type(models).__name__, "Names as keys.")
    expect(len(models) >= 2, "two estimators", f"{len(models)}", "A logistic regression and a random forest.")
    final = [model.steps[-1][1] if hasattr(model, "steps") else model for model in models.values()]
    forests = [model for model in final if isinstance(model, RandomForestClassifier)]
    expect(
        forests,
        "a RandomForestClassifier",
        f"{[type(model).__name__ for model in final]}",
        "sklearn.ensemble",
    )
    expect(forests[0].n_estimators == 200, "200 trees", f"{forests[0].n_estimators}", "n_estimators=200")
    expect(forests[0].random_state == 7, "the given random_state", f"{forests[0].random_state}", "Pass it on.")

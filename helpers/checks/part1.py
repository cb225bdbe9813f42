"""The self-checks of Part I: small numbers that one can follow by hand, and hints.

What is checked here is a part of what is graded, on other numbers.
"""

from typing import Any

import numpy as np
import pandas as pd

from .part1_learning import checks
from .selfcheck import Names, expect

check, hint = checks.check, checks.hint


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
    expect(predicted.shape == (40,), "one label per sample", f"shape {predicted.shape}", "predict returns (n,).")
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

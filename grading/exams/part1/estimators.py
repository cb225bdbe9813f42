"""Exams of the estimators of Part I: the grid search, the wrapper around the network, the baselines.

A trusted, recording network takes the place of the student's own, so that nothing here depends on Task 1.
"""

from typing import Any

import numpy as np
from sklearn.svm import SVC

from grading.exam import exam, idea
from grading.exams.part1 import probes
from grading.exams.part1.trusted import recorded_settings
from grading.handle import Ref, Student, StudentError, is_a, items, same, size, value
from grading.judge import Fail, array, close, integers, number, ok


def _clouds(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw three overlapping classes in five dimensions, all present."""
    y = rng.permutation(np.arange(n) % 3)
    return rng.normal(size=(n, 5)) + 1.2 * np.eye(5)[y], y


# --- test-svm-grid-search -----------------------------------------------------------------------------------------


@exam("test-svm-grid-search", points=8)
def grid_search_tunes_an_svm(student: Student, rng: np.random.Generator) -> None:
    """A fitted GridSearchCV over an RBF SVC, judged by its grid and by what its best model predicts.

    Split: a fitted search over an RBF SVC, by accuracy 3; the default grid 2; param_grid and cv obeyed 2; the best
    refitted on all the data 1.
    """
    X, y = _clouds(rng, 48)
    search = student.tune_svm(X, y)
    with idea("a fitted search over an RBF SVC, by accuracy", 3):
        _is_fitted_search(search)
        best = search.best_estimator_
        ok(is_a(best, "sklearn.svm._classes.SVC"), expected="an SVC as the best estimator", came=best)
        ok(best.kernel == "rbf", expected="an RBF kernel", came=best.kernel, hint="SVC(kernel='rbf')")
        X_new, y_new = _clouds(rng, 30)
        right = float(np.mean(np.asarray(search.predict(X_new)) == y_new))
        close(
            number(search.score(X_new, y_new), "score"), right, "score(X, y), the accuracy", hint="scoring='accuracy'"
        )
    with idea("nine combinations by default", 2):
        _is_fitted_search(search)
        came = {_point(params) for params in _params(search)}
        wanted = {_point({"C": C, "gamma": gamma}) for C in (0.1, 1, 10) for gamma in ("scale", "auto", 0.01)}
        expected = "C in 0.1, 1, 10 and gamma in scale, auto, 0.01"
        ok(came == wanted, expected=expected, came=f"{len(came)} combinations: {sorted(came)[:9]}", hint="all of them")
        folds = number(search.n_splits_, "the number of folds")
        ok(folds == 3, expected="3 folds by default", came=f"{folds:g}", hint="cv=cv")
    grid = {"C": [float(C) for C in rng.uniform(0.5, 4, size=2).round(2)], "gamma": [0.05]}
    with idea("param_grid and cv are obeyed", 2):
        other = student.tune_svm(X, y, param_grid=grid, cv=4)
        _is_fitted_search(other)
        came = {_point(params) for params in _params(other)}
        wanted = {_point({"C": C, "gamma": 0.05}) for C in grid["C"]}
        ok(came == wanted, expected="the grid that was given", came=f"{sorted(came)[:9]}", hint="is param_grid used?")
        folds = number(other.n_splits_, "the number of folds")
        ok(folds == 4, expected="4 folds for cv=4", came=f"{folds:g}", hint="pass cv on")
    with idea("the best is refitted on all the data", 1):
        _is_fitted_search(search)
        _is_refitted(student, search, X, y, rng)


def _is_refitted(student: Student, search: Ref, X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
    """Demand the predictions of the best model on all samples, and of as many samples as are given."""
    C, gamma = _params(search, "best_params_")["C"], _params(search, "best_params_")["gamma"]
    trusted = SVC(C=C, gamma=gamma).fit(X, y)
    X_new, _ = _clouds(rng, 200)
    predicted = np.asarray(search.predict(X_new))
    # Rounding may flip a point on the boundary; a model of fewer samples flips many.
    agree = float(np.mean(predicted == trusted.predict(X_new)))
    hint = "fit the search on X and y as they are given; refit stays True"
    ok(
        agree >= 0.99,
        expected="predictions of the best model, trained on all data",
        came=f"{agree:.0%} agree",
        hint=hint,
    )
    n = 5003  # the notebook slices its 5,000 itself
    y_many = np.arange(n) % 2
    many = student.tune_svm(4.0 * y_many[:, None] + rng.normal(0, 0.1, (n, 1)), y_many, {"C": [1.0], "gamma": [1.0]}, 2)
    fitted = number(many.best_estimator_.shape_fit_[0], "the number of samples")
    ok(fitted == n, expected=f"a model fitted on all {n} samples", came=f"{fitted:g}", hint=hint)


def _is_fitted_search(search: Any) -> None:
    hint = "return the GridSearchCV itself, after fit"
    kind = is_a(search, "sklearn.model_selection._search.GridSearchCV")
    ok(kind, expected="a GridSearchCV", came=search, hint=hint)
    try:
        search.best_params_  # noqa: B018 (reading it over there is the question)
    except StudentError:
        raise Fail("a fitted search", "one that was not fitted", "call .fit(X, y) before you return it") from None


def _params(search: Ref, attribute: str = "") -> Any:
    """Return the points of the grid, or one of them, with plain values."""
    found = getattr(search, attribute) if attribute else search.cv_results_["params"]
    points = [found] if attribute else list(found)
    hint = "the parameters of SVC, by their names C and gamma"
    plain = all(isinstance(point, dict) and {"C", "gamma"} <= set(point) for point in points)
    ok(plain, expected="a grid over C and gamma", came="other parameters", hint=hint)
    checked = [{"C": number(point["C"], "C"), "gamma": _gamma(point["gamma"])} for point in points]
    return checked[0] if attribute else checked


def _gamma(answer: Any) -> float | str:
    return answer if answer in ("scale", "auto") else number(answer, "gamma")


def _point(params: dict[str, Any]) -> str:
    gamma = params["gamma"]
    return f"C={params['C']:g} gamma={gamma if isinstance(gamma, str) else format(gamma, 'g')}"


# --- test-sklearn-wrapper -----------------------------------------------------------------------------------------


@exam("test-sklearn-wrapper", points=8)
def wrapper_is_an_estimator(student: Student, rng: np.random.Generator) -> None:
    """The wrapper around a trusted network: what it trains, on which labels, and within scikit-learn's tools.

    Split: fit, predict and score 3; labels of any kind 2; clone, Pipeline and cross_val_score 2; settings 1.
    """
    loaded = student.load(probes, "RecordingMLP", "RecordingScaler")
    student.replace("MLPFromScratch", loaded.RecordingMLP)
    settings = {
        "hidden_size": int(rng.integers(9, 14)),
        "learning_rate": round(float(rng.uniform(0.05, 0.1)), 3),
        "epochs": int(rng.integers(4, 7)),
        "batch_size": int(rng.integers(7, 12)),
        "random_state": int(rng.integers(1, 2**31)),
    }
    X, positions = _clouds(rng, 45)
    X_new, new_positions = _clouds(rng, 30)
    with idea("fit, predict and score", 3):
        _fits_and_predicts(student, loaded, settings, (X, positions), (X_new, new_positions), np.arange(3))
        model, done = student.MLPClassifier(**settings), size(loaded.RUNS)
        model.fit(X, positions)
        model.fit(X, positions)
        networks = {run["network"] for run in items(loaded.RUNS, done + 20)[done:]}
        hint = "make the network inside fit, so that fitting again starts anew"
        ok(len(networks) > 1, expected="a new network at each fit", came="the first one, trained further", hint=hint)
    with idea("labels of any kind", 2):
        numbers = np.sort(rng.choice(np.arange(-50, 100), size=3, replace=False))
        for labels in (numbers, np.array(["cat", "dog", "emu"])):
            _fits_and_predicts(
                student, loaded, settings, (X, labels[positions]), (X_new, labels[new_positions]), labels
            )
        labels = np.array([f"class {letter}" for letter in "abcdefghijklm"])  # more than the ten digits
        model = student.MLPClassifier(**settings).fit(X, labels[12 - np.arange(len(X)) % 13])
        known = np.isin(_labels(model.predict(X_new), labels), labels)
        ok(bool(known.all()), expected="labels that fit was given", came="others", hint="translate positions back")
    with idea("clone, Pipeline and cross_val_score", 2):
        _works_in_scikit_learn(student, loaded, settings, X, positions)
    with idea("all five settings reach the network", 1):
        done = size(loaded.RUNS)
        student.MLPClassifier(**settings).fit(X, positions)
        run = _last_run(loaded, done)
        reached = {**recorded_settings(run), "epochs": run["epochs"], "batch_size": run["batch_size"]}
        names = {"hidden_size": "n_hidden", "random_state": "seed"}
        for name, wanted in settings.items():
            came = reached[names.get(name, name)]
            hint = "pass self.hidden_size and so on to MLPFromScratch and to its train"
            ok(came == wanted, expected=f"{name}={wanted} to reach the network", came=f"{came}", hint=hint)


def _last_run(loaded: Ref, done: int) -> dict[str, Any]:
    runs = items(loaded.RUNS, done + 20)[done:]
    hint = "fit makes a new MLPFromScratch and calls its train"
    ok(len(runs) >= 1, expected="fit to train an MLPFromScratch", came="no training", hint=hint)
    return runs[-1]


def _fits_and_predicts(
    student: Student,
    loaded: Ref,
    settings: dict[str, Any],
    training: tuple[np.ndarray, np.ndarray],
    fresh: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray,
) -> None:
    """Fit the wrapper, train a trusted twin of the network that it made, and compare their predictions."""
    (X, y), (X_new, y_new) = training, fresh
    model = student.MLPClassifier(**settings)
    done = size(loaded.RUNS)
    ok(
        same(model.fit(X, y), model),
        expected="fit to return the estimator itself",
        came="something else",
        hint="return self",
    )
    run = _last_run(loaded, done)
    hint = "train on all rows given, with the labels coded as 0 … k−1"
    came_X, came_y = array(run["X"], "X given to train"), integers(run["y"], "labels given to train", hint=hint)
    complete = came_X.shape == X.shape and bool(np.allclose(came_X, X, atol=1e-5))
    ok(complete, expected="training on all rows given to fit", came=f"shape {came_X.shape}", hint=hint)
    decoded = _decoded(came_y, y, labels)
    network = probes.TrustedMLP(**recorded_settings(run))
    network.train(came_X, came_y, came_X, came_y, run["epochs"], run["batch_size"])
    right = decoded[np.minimum(network.predict(X_new), len(labels) - 1)]
    predicted = _labels(model.predict(X_new), labels)
    agree = float(np.mean(predicted == right))
    # Float32 input may flip a sample near a boundary.
    hint = "translate the network's positions back by self.classes_"
    ok(agree > 0.9, expected="the labels that the network predicts", came=f"{agree:.0%} of them", hint=hint)
    score = number(model.score(X_new, y_new), "score(X, y)")
    close(score, float(np.mean(predicted == y_new)), "score(X, y), the accuracy", hint="ClassifierMixin has it")


def _decoded(codes: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the label of each code; sorted or not, a code must stand for one label and be below their number."""
    hint = "np.unique(y, return_inverse=True) gives the distinct labels and the positions"
    ok(codes.shape == y.shape, expected="a code for each row", came=f"shape {codes.shape}", hint=hint)
    pairs = sorted(set(zip(codes.tolist(), y.tolist(), strict=True)))
    one_to_one = [code for code, _ in pairs] == list(range(len(labels)))
    ok(one_to_one, expected="labels coded as 0 … k−1, one code a label", came="other codes", hint=hint)
    return np.array([label for _, label in pairs])


def _labels(answer: Any, labels: np.ndarray) -> np.ndarray:
    """Return predicted labels as an array of the kind of `labels`."""
    came = np.asarray(value(answer))
    hint = "one label a sample, of the kind that fit was given"
    ok(came.ndim == 1, expected="labels of shape (n_samples,)", came=answer, hint=hint)
    if labels.dtype.kind == "U":
        ok(came.dtype.kind in "OU", expected="labels as they were given, texts", came=answer, hint=hint)
        return came.astype(str)
    return integers(answer, "predict(X)", shape=came.shape, hint=hint)


def _works_in_scikit_learn(
    student: Student, loaded: Ref, settings: dict[str, Any], X: np.ndarray, y: np.ndarray
) -> None:
    model = student.MLPClassifier(**settings)
    hint = "__init__ stores its arguments under their own names and does nothing else"
    params = value(student.library("sklearn.base").clone(model).get_params())
    kept = isinstance(params, dict) and all(params.get(name) == wanted for name, wanted in settings.items())
    ok(kept, expected="a clone with the same settings", came="other settings", hint=hint)
    pipeline = student.library("sklearn.pipeline").make_pipeline(loaded.RecordingScaler(), model)
    labels = np.array(["cat", "dog", "emu"])
    predicted = _labels(pipeline.fit(X, labels[y]).predict(X), labels)
    ok(len(predicted) == len(X), expected="a Pipeline that predicts", came=f"{len(predicted)} labels", hint=hint)
    scores = student.library("sklearn.model_selection").cross_val_score(model, X, y, cv=3)
    came = array(scores, "cross_val_score", shape=(3,), hint="clones are fitted in it: see the promises in the task")
    in_range = bool(((came >= 0) & (came <= 1)).all())
    ok(in_range, expected="three accuracies", came=str(came.round(3)), hint="score returns a share")


# --- bonus-classical-baselines ------------------------------------------------------------------------------------


@exam("bonus-classical-baselines", points=4)
def baselines_are_ready_to_fit(student: Student, rng: np.random.Generator) -> None:
    """An unfitted logistic regression and an unfitted random forest of 200 trees, alone or at the end of a pipeline.

    Split: logistic regression 2, random forest with its trees and random_state 2.
    """
    random_state = int(rng.integers(1, 1000))
    finals = [_final(model) for model in _baselines(student, random_state)]
    with idea("a logistic regression", 2):
        model = _find(finals, "sklearn.linear_model._logistic.LogisticRegression", "a LogisticRegression")
        _is_unfitted(model)
    with idea("a random forest of 200 trees", 2):
        model = _find(finals, "sklearn.ensemble._forest.RandomForestClassifier", "a RandomForestClassifier")
        _is_unfitted(model)
        trees = number(model.n_estimators, "n_estimators")
        ok(trees == 200, expected="200 trees", came=f"{trees:g}", hint="n_estimators=200")
        seed = model.random_state
        came = f"{seed}" if isinstance(seed, int) else "something else"
        ok(seed == random_state, expected=f"random_state={random_state}", came=came, hint="pass random_state on")


def _baselines(student: Student, random_state: int) -> list[Any]:
    try:
        models = student.classical_baselines(random_state=random_state)
    except StudentError as error:
        # An argument that older versions of scikit-learn knew is no mistake of the student's.
        if "multi_class" not in error.text:
            raise
        forgiving = student.load(probes, "forgiving").forgiving(
            student.library("sklearn.linear_model").LogisticRegression
        )
        student.replace("LogisticRegression", forgiving)
        models = student.classical_baselines(random_state=random_state)
    hint = "return {'name': estimator, …}"
    ok(isinstance(models, dict), expected="a dict of estimators", came=models, hint=hint)
    return list(models.values())


def _final(model: Any) -> Any:
    """Return the last step of a pipeline, or the estimator itself."""
    if is_a(model, "sklearn.pipeline.Pipeline"):
        return items(items(model.steps, 20)[-1], 2)[1]
    return model


def _find(models: list[Any], class_name: str, what: str) -> Ref:
    found = [model for model in models if is_a(model, class_name)]
    ok(len(found) > 0, expected=f"{what} among the values", came=f"{len(models)} other values", hint="see the task")
    return found[0]


def _is_unfitted(model: Ref) -> None:
    try:
        model.classes_  # noqa: B018 (reading it over there is the question)
    except StudentError:
        return
    raise Fail("an unfitted estimator", "a fitted one", "leave fit to whoever compares them")

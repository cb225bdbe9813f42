# %% mlp-from-scratch
def one_hot_columns(labels, n_classes):
    """(n_samples,) integers to a matrix of shape (n_classes, n_samples)."""
    return np.eye(n_classes)[np.asarray(labels)].T


def he_uniform(random, n_out, n_in):
    """Uniform on ±√(6/n_in), which has the standard deviation √(2/n_in)."""
    limit = np.sqrt(6.0 / n_in)
    return random.uniform(-limit, limit, size=(n_out, n_in))


class MLPFromScratch:
    """Works on columns inside: a sample is a column, so z1 and a1 have the shape (units, n_samples)."""

    PARAMETERS = ("W1", "b1", "W2", "b2")

    def __init__(
        self,
        n_input: int = 784,
        n_hidden: int = 128,
        n_output: int = 10,
        learning_rate: float = 0.01,
        seed: int | None = None,
        momentum: float = 0.9,
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.epsilon = epsilon
        self.n_output = n_output
        self.steps_taken = 0
        self.random = np.random.RandomState(seed)  # weights
        self.order_random = np.random.RandomState(None if seed is None else seed + 1)  # order of the samples
        self.W1 = he_uniform(self.random, n_hidden, n_input)
        self.b1 = np.zeros((n_hidden, 1))
        self.W2 = he_uniform(self.random, n_output, n_hidden)
        self.b2 = np.zeros((n_output, 1))
        for name in self.PARAMETERS:
            setattr(self, f"v{name}", np.zeros(getattr(self, name).shape))

    def relu(self, x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, 0.0)

    def relu_derivative(self, x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, 1.0, 0.0)

    def softmax(self, x: np.ndarray) -> np.ndarray:
        # softmax = exp(x − log Σ exp x)
        top = np.max(x, axis=1)[:, np.newaxis]
        log_sum = top + np.log(np.sum(np.exp(x - top), axis=1, keepdims=True))
        return np.exp(x - log_sum)

    def forward(self, X: np.ndarray) -> np.ndarray:
        self.x = np.asarray(X).T
        self.z1 = self.W1 @ self.x + self.b1
        self.a1 = self.relu(self.z1)
        self.z2 = self.W2 @ self.a1 + self.b2
        self.a2 = self.softmax(self.z2.T).T
        return self.a2.T

    def compute_loss(self, y_pred: np.ndarray, y_true: np.ndarray) -> float:
        truth = one_hot_columns(y_true, y_pred.shape[1])
        probability_of_truth = np.einsum("nk,kn->n", y_pred, truth)
        return float(np.mean(-np.log(probability_of_truth + self.epsilon)))

    def _gradients(self, y_true):
        n = self.x.shape[1]
        delta2 = (self.a2 - one_hot_columns(y_true, self.n_output)) / n
        delta1 = (self.W2.T @ delta2) * self.relu_derivative(self.z1)
        return (
            delta1 @ self.x.T,
            delta1.sum(axis=1, keepdims=True),
            delta2 @ self.a1.T,
            delta2.sum(axis=1, keepdims=True),
        )

    def _step(self, name, gradient, momentum):
        velocity = getattr(self, f"v{name}")
        velocity *= momentum
        velocity -= self.learning_rate * gradient
        parameter = getattr(self, name)
        parameter += velocity  # in place

    def backward(self, X: np.ndarray, y_true: np.ndarray, momentum: float | None = None) -> None:
        momentum = self.momentum if momentum is None else momentum
        for name, gradient in zip(self.PARAMETERS, self._gradients(y_true), strict=True):
            self._step(name, gradient, momentum)
        self.steps_taken += 1

    def _batches(self, n_samples, batch_size):
        order = np.arange(n_samples)
        self.order_random.shuffle(order)
        return np.array_split(order, range(batch_size, n_samples, batch_size))

    def train(
        self,
        X_train: np.ndarray,
        y_train: np.ndarray,
        X_val: np.ndarray,
        y_val: np.ndarray,
        epochs: int = 50,
        batch_size: int = 128,
        verbose: bool = False,
    ) -> tuple[list[float], list[float]]:
        history = []
        for epoch in range(epochs):
            batch_losses = []
            for batch in self._batches(len(X_train), batch_size):
                X_batch, y_batch = X_train[batch], y_train[batch]
                batch_losses.append(self.compute_loss(self.forward(X_batch), y_batch))
                self.backward(X_batch, y_batch)
            history.append((float(np.mean(batch_losses)), float(accuracy_score(y_val, self.predict(X_val)))))
            if verbose:
                print(epoch, *history[-1])
        return [loss for loss, _ in history], [accuracy for _, accuracy in history]

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.argmax(self.forward(X), axis=-1)


# %% batch-size-study
def batch_size_study(batch_sizes: list[int], epochs: int) -> pd.DataFrame:
    def one_row(batch_size):
        network = MLPFromScratch(784, 128, 10, 0.01, 42)
        before = time.monotonic()
        history = network.train(X_train, y_train, X_val, y_val, epochs=epochs, batch_size=batch_size)
        after = time.monotonic()
        return (batch_size, history[0][-1], history[1][-1], after - before)

    records = [one_row(batch_size) for batch_size in batch_sizes]
    table = pd.DataFrame.from_records(records, columns=["batch_size", "final_loss", "val_accuracy", "seconds"])
    return table.set_index("batch_size")


# %% svm-grid-search
def tune_svm(X: np.ndarray, y: np.ndarray, param_grid: dict | None = None, cv: int = 3) -> GridSearchCV:
    if param_grid is None:
        param_grid = dict(C=np.logspace(-1, 1, 3), gamma=["scale", "auto", 1e-2])
    folds = StratifiedKFold(n_splits=cv)
    machine = SVC(kernel="rbf", cache_size=500)
    return GridSearchCV(machine, param_grid, scoring="accuracy", cv=folds, refit=True).fit(X, y)


# %% sklearn-wrapper
class MLPClassifier(ClassifierMixin, BaseEstimator):
    """MLPFromScratch with the interface of a scikit-learn classifier."""

    def __init__(
        self,
        hidden_size: int = 128,
        learning_rate: float = 0.01,
        epochs: int = 30,
        batch_size: int = 128,
        random_state: int | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MLPClassifier":
        X = np.asarray(X)
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        codes = np.searchsorted(self.classes_, y)
        self.network_ = MLPFromScratch(
            self.n_features_in_,
            self.hidden_size,
            self.classes_.size,
            seed=self.random_state,
            learning_rate=self.learning_rate,
        )
        self.losses_, self.accuracies_ = self.network_.train(
            X, codes, X, codes, batch_size=self.batch_size, epochs=self.epochs
        )
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.network_.forward(np.asarray(X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.take(self.classes_, self.predict_proba(X).argmax(axis=1))


# %% k-fold
def k_fold_scores(model: BaseEstimator, X: np.ndarray, y: np.ndarray, k: int = 5) -> tuple[float, float]:
    folds = StratifiedKFold(k, shuffle=True, random_state=7)
    scores = cross_val_score(model, X, y, cv=folds, scoring="accuracy")  # clones the model for each fold
    return scores.mean(), scores.std()


# %% compare-classifiers
def compare_classifiers(
    models: dict[str, BaseEstimator],
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
) -> pd.DataFrame:
    def measure(model):
        clock = [time.perf_counter()]
        fitted = clone(model).fit(X_train, y_train)
        clock.append(time.perf_counter())
        y_pred = fitted.predict(X_test)
        clock.append(time.perf_counter())
        report = classification_report(y_test, y_pred, output_dict=True, zero_division=0)
        fit_seconds, predict_seconds = np.diff(clock)
        return pd.Series(
            {
                "accuracy": accuracy_score(y_test, y_pred),
                "macro_f1": report["macro avg"]["f1-score"],
                "fit_seconds": fit_seconds,
                "predict_seconds": predict_seconds,
            }
        )

    return pd.concat({name: measure(model) for name, model in models.items()}, axis=1).T


# %% classical-baselines
def classical_baselines(random_state: int = 42) -> dict[str, BaseEstimator]:
    return dict(
        logistic=make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300, random_state=random_state)),
        trees=make_pipeline(MinMaxScaler(), RandomForestClassifier(n_estimators=200, random_state=random_state)),
    )

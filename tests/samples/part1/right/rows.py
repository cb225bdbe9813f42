# %% mlp-from-scratch
class MLPFromScratch:
    """Two layers, row convention: X (n, n_in) @ W (n_in, n_out), everything float32."""

    def __init__(
        self,
        n_input: int = 784,
        n_hidden: int = 128,
        n_output: int = 10,
        learning_rate: float = 0.01,
        seed: int | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.rng = np.random.default_rng(seed)
        self.W1 = self.rng.normal(0.0, np.sqrt(2.0 / n_input), (n_input, n_hidden)).astype(np.float32)
        self.W2 = self.rng.normal(0.0, np.sqrt(2.0 / n_hidden), (n_hidden, n_output)).astype(np.float32)
        self.b1 = np.zeros(n_hidden, dtype=np.float32)
        self.b2 = np.zeros(n_output, dtype=np.float32)
        self.vW1 = np.zeros_like(self.W1)
        self.vb1 = np.zeros_like(self.b1)
        self.vW2 = np.zeros_like(self.W2)
        self.vb2 = np.zeros_like(self.b2)

    def relu(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def relu_derivative(self, x: np.ndarray) -> np.ndarray:
        return (x > 0).astype(np.float32)

    def softmax(self, x: np.ndarray) -> np.ndarray:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def forward(self, X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, dtype=np.float32)
        self.z1 = X @ self.W1 + self.b1
        self.a1 = self.relu(self.z1)
        self.z2 = self.a1 @ self.W2 + self.b2
        self.a2 = self.softmax(self.z2)
        return self.a2

    def compute_loss(self, y_pred: np.ndarray, y_true: np.ndarray) -> float:
        picked = y_pred[np.arange(len(y_true)), y_true]
        return float(-np.log(picked + 1e-8).mean())

    def backward(self, X: np.ndarray, y_true: np.ndarray, momentum: float = 0.9) -> None:
        n = len(X)
        X = np.asarray(X, dtype=np.float32)
        d2 = self.a2.copy()
        d2[np.arange(n), y_true] -= 1
        d2 /= n
        d1 = (d2 @ self.W2.T) * self.relu_derivative(self.z1)
        gradients = {"W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": self.a1.T @ d2, "b2": d2.sum(axis=0)}
        for name, gradient in gradients.items():
            velocity = momentum * getattr(self, "v" + name) - self.learning_rate * gradient
            setattr(self, "v" + name, velocity)
            setattr(self, name, getattr(self, name) + velocity)

    def train(
        self,
        X_train: np.ndarray,
        y_train: np.ndarray,
        X_val: np.ndarray,
        y_val: np.ndarray,
        epochs: int = 50,
        batch_size: int = 128,
    ) -> tuple[list[float], list[float]]:
        train_losses, val_accuracies = [], []
        n = len(X_train)
        for _ in range(epochs):
            order = self.rng.permutation(n)
            total = 0.0
            for start in range(0, n, batch_size):
                rows = order[start : start + batch_size]
                y_pred = self.forward(X_train[rows])
                total += self.compute_loss(y_pred, y_train[rows]) * len(rows)
                self.backward(X_train[rows], y_train[rows])
            train_losses.append(total / n)
            val_accuracies.append(float((self.predict(X_val) == y_val).mean()))
        return train_losses, val_accuracies

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.forward(X).argmax(axis=1)


# %% batch-size-study
def batch_size_study(batch_sizes: list[int], epochs: int) -> pd.DataFrame:
    rows = []
    for batch_size in batch_sizes:
        network = MLPFromScratch(784, 128, 10, learning_rate=0.01, seed=42)
        started = time.perf_counter()
        losses, accuracies = network.train(X_train, y_train, X_val, y_val, epochs=epochs, batch_size=batch_size)
        rows.append(
            {
                "final_loss": losses[-1],
                "val_accuracy": accuracies[-1],
                "seconds": time.perf_counter() - started,
            }
        )
    return pd.DataFrame(rows, index=batch_sizes)


# %% svm-grid-search
def tune_svm(X: np.ndarray, y: np.ndarray, param_grid: dict | None = None, cv: int = 3) -> GridSearchCV:
    if param_grid is None:
        param_grid = {"C": [0.1, 1, 10], "gamma": ["scale", "auto", 0.01]}
    search = GridSearchCV(SVC(kernel="rbf"), param_grid, scoring="accuracy", cv=cv)
    return search.fit(X, y)


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
        self.classes_, positions = np.unique(y, return_inverse=True)
        self.network_ = MLPFromScratch(
            X.shape[1], self.hidden_size, len(self.classes_), self.learning_rate, self.random_state
        )
        self.network_.train(X, positions, X, positions, epochs=self.epochs, batch_size=self.batch_size)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.network_.predict(X)]


# %% k-fold
def k_fold_scores(model: BaseEstimator, X: np.ndarray, y: np.ndarray, k: int = 5) -> tuple[float, float]:
    folds = StratifiedKFold(n_splits=k, shuffle=True, random_state=42)
    scores = []
    for train_rows, test_rows in folds.split(X, y):
        fresh = clone(model).fit(X[train_rows], y[train_rows])
        scores.append(accuracy_score(y[test_rows], fresh.predict(X[test_rows])))
    return float(np.mean(scores)), float(np.std(scores))


# %% compare-classifiers
def compare_classifiers(
    models: dict[str, BaseEstimator],
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
) -> pd.DataFrame:
    table = {}
    for name, model in models.items():
        t0 = time.perf_counter()
        model.fit(X_train, y_train)
        t1 = time.perf_counter()
        y_pred = model.predict(X_test)
        t2 = time.perf_counter()
        table[name] = {
            "accuracy": accuracy_score(y_test, y_pred),
            "macro_f1": f1_score(y_test, y_pred, average="macro"),
            "fit_seconds": t1 - t0,
            "predict_seconds": t2 - t1,
        }
    return pd.DataFrame.from_dict(table, orient="index")


# %% classical-baselines
def classical_baselines(random_state: int = 42) -> dict[str, BaseEstimator]:
    return {
        "logistic regression": LogisticRegression(max_iter=1000, random_state=random_state),
        "random forest": RandomForestClassifier(n_estimators=200, random_state=random_state),
    }

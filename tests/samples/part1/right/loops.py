# %% mlp-from-scratch
class MLPFromScratch:
    """One sample after another, one unit after another: slow, and close to the formulas. Everything float64."""

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
        self.n_input, self.n_hidden, self.n_output = n_input, n_hidden, n_output

        self.W1 = np.zeros((n_hidden, n_input))
        for j in range(n_hidden):
            self.W1[j] = self.rng.standard_normal(n_input) * (2 / n_input) ** 0.5
        self.W2 = np.zeros((n_output, n_hidden))
        for k in range(n_output):
            self.W2[k] = self.rng.standard_normal(n_hidden) * (2 / n_hidden) ** 0.5
        self.b1 = np.zeros((1, n_hidden))
        self.b2 = np.zeros((1, n_output))

        self.vW1 = np.zeros((n_hidden, n_input))
        self.vb1 = np.zeros((1, n_hidden))
        self.vW2 = np.zeros((n_output, n_hidden))
        self.vb2 = np.zeros((1, n_output))

    def relu(self, x: np.ndarray) -> np.ndarray:
        out = np.array(x, dtype=np.float64)
        for index in np.ndindex(*out.shape):
            if out[index] < 0:
                out[index] = 0.0
        return out

    def relu_derivative(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        out = np.zeros(x.shape)
        for index in np.ndindex(*x.shape):
            if x[index] > 0:
                out[index] = 1.0
        return out

    def softmax(self, x: np.ndarray) -> np.ndarray:
        out = np.zeros(x.shape)
        for i in range(x.shape[0]):
            largest = max(x[i])
            total = 0.0
            for k in range(x.shape[1]):
                out[i, k] = np.exp(float(x[i, k]) - float(largest))
                total += out[i, k]
            for k in range(x.shape[1]):
                out[i, k] /= total
        return out

    def forward(self, X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, dtype=np.float64)
        n = X.shape[0]
        self.z1 = np.zeros((n, self.n_hidden))
        for i in range(n):
            for j in range(self.n_hidden):
                self.z1[i, j] = np.dot(self.W1[j], X[i]) + self.b1[0, j]
        self.a1 = self.relu(self.z1)
        self.z2 = np.zeros((n, self.n_output))
        for i in range(n):
            for k in range(self.n_output):
                self.z2[i, k] = np.dot(self.W2[k], self.a1[i]) + self.b2[0, k]
        self.a2 = self.softmax(self.z2)
        return self.a2

    def compute_loss(self, y_pred: np.ndarray, y_true: np.ndarray) -> float:
        total = 0.0
        for i in range(len(y_true)):
            total -= np.log(float(y_pred[i, y_true[i]]) + 1e-8)
        return float(total / len(y_true))

    def backward(self, X: np.ndarray, y_true: np.ndarray, momentum: float = 0.9) -> None:
        X = np.asarray(X, dtype=np.float64)
        n = X.shape[0]
        dW1, db1 = np.zeros_like(self.W1), np.zeros_like(self.b1)
        dW2, db2 = np.zeros_like(self.W2), np.zeros_like(self.b2)

        for i in range(n):
            delta2 = np.zeros(self.n_output)
            for k in range(self.n_output):
                delta2[k] = self.a2[i, k]
                if k == y_true[i]:
                    delta2[k] -= 1.0
            for k in range(self.n_output):
                dW2[k] += delta2[k] * self.a1[i] / n
                db2[0, k] += delta2[k] / n

            for j in range(self.n_hidden):
                if self.z1[i, j] <= 0:
                    continue  # the gate is shut
                blame = 0.0
                for k in range(self.n_output):
                    blame += self.W2[k, j] * delta2[k]
                dW1[j] += blame * X[i] / n
                db1[0, j] += blame / n

        self.vW1 = momentum * self.vW1 - self.learning_rate * dW1
        self.vb1 = momentum * self.vb1 - self.learning_rate * db1
        self.vW2 = momentum * self.vW2 - self.learning_rate * dW2
        self.vb2 = momentum * self.vb2 - self.learning_rate * db2
        self.W1 += self.vW1
        self.b1 += self.vb1
        self.W2 += self.vW2
        self.b2 += self.vb2

    def train(
        self,
        X_train: np.ndarray,
        y_train: np.ndarray,
        X_val: np.ndarray,
        y_val: np.ndarray,
        epochs: int = 50,
        batch_size: int = 128,
    ) -> tuple[list[float], list[float]]:
        train_losses = []
        val_accuracies = []
        numbers = list(range(len(X_train)))
        for _epoch in range(epochs):
            self.rng.shuffle(numbers)  # a list of my own, not the data
            sum_of_losses = 0.0
            start = 0
            while start < len(numbers):
                chosen = numbers[start : start + batch_size]
                X_batch = np.array([X_train[i] for i in chosen])
                y_batch = np.array([y_train[i] for i in chosen])
                y_pred = self.forward(X_batch)
                sum_of_losses += len(chosen) * self.compute_loss(y_pred, y_batch)
                self.backward(X_batch, y_batch)
                start += batch_size
            train_losses.append(sum_of_losses / len(numbers))

            right = 0
            for answer, truth in zip(self.predict(X_val), y_val, strict=True):
                if answer == truth:
                    right += 1
            val_accuracies.append(right / len(y_val))
        return train_losses, val_accuracies

    def predict(self, X: np.ndarray) -> np.ndarray:
        probabilities = self.forward(X)
        answers = []
        for row in probabilities:
            best = 0
            for k in range(1, len(row)):
                if row[k] > row[best]:
                    best = k
            answers.append(best)
        return np.array(answers, dtype=int)


# %% batch-size-study
def batch_size_study(batch_sizes: list[int], epochs: int) -> pd.DataFrame:
    table = pd.DataFrame(columns=["final_loss", "val_accuracy", "seconds"], dtype=float)
    for size in batch_sizes:
        net = MLPFromScratch(seed=42)
        start = time.time()
        losses, accuracies = net.train(X_train, y_train, X_val, y_val, epochs, size)
        stop = time.time()
        table.loc[size] = [losses[-1], accuracies[-1], stop - start]
    return table


# %% svm-grid-search
def tune_svm(X: np.ndarray, y: np.ndarray, param_grid: dict | None = None, cv: int = 3) -> GridSearchCV:
    grid = param_grid or {"gamma": ("scale", "auto", 0.01), "C": (0.1, 1.0, 10.0)}
    search = GridSearchCV(estimator=SVC(), param_grid=grid, cv=cv)  # a classifier's default score is accuracy
    search.fit(X, y)
    return search


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
        self.classes_ = np.array(sorted(set(list(y))))
        place = {}
        for position, label in enumerate(self.classes_):
            place[label] = position
        numbers = np.array([place[label] for label in y])
        self.mlp_ = MLPFromScratch(
            n_input=X.shape[1],
            n_hidden=self.hidden_size,
            n_output=len(self.classes_),
            learning_rate=self.learning_rate,
            seed=self.random_state,
        )
        self.history_ = self.mlp_.train(X, numbers, X, numbers, self.epochs, self.batch_size)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        answers = []
        for position in self.mlp_.predict(X):
            answers.append(self.classes_[position])
        return np.array(answers)


# %% k-fold
def k_fold_scores(model: BaseEstimator, X: np.ndarray, y: np.ndarray, k: int = 5) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    # deal the shuffled samples of each class to the folds, as one deals cards
    fold_of = np.zeros(len(y), dtype=int)
    turn = 0
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        rng.shuffle(members)
        for i in members:
            fold_of[i] = turn % k
            turn += 1

    accuracies = []
    for fold in range(k):
        fresh = clone(model)
        fresh.fit(X[fold_of != fold], y[fold_of != fold])
        answers = fresh.predict(X[fold_of == fold])
        right = 0
        for answer, truth in zip(answers, y[fold_of == fold], strict=True):
            right += int(answer == truth)
        accuracies.append(right / len(answers))

    mean = sum(accuracies) / k
    variance = sum((accuracy - mean) ** 2 for accuracy in accuracies) / (k - 1)  # k numbers: a sample
    return mean, variance**0.5


# %% compare-classifiers
def compare_classifiers(
    models: dict[str, BaseEstimator],
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
) -> pd.DataFrame:
    accuracies, f1s, fit_times, predict_times = [], [], [], []
    for name in models:
        start = time.perf_counter()
        models[name].fit(X_train, y_train)
        fit_times.append(time.perf_counter() - start)

        start = time.perf_counter()
        answers = models[name].predict(X_test)
        predict_times.append(time.perf_counter() - start)

        accuracies.append(float(np.mean(answers == y_test)))
        f1_of_class = []
        for label in np.union1d(y_test, answers):
            hits = np.sum((answers == label) & (y_test == label))
            called = np.sum(answers == label)
            there = np.sum(y_test == label)
            f1_of_class.append(2 * hits / (called + there))
        f1s.append(float(np.mean(f1_of_class)))

    return pd.DataFrame(
        {"accuracy": accuracies, "macro_f1": f1s, "fit_seconds": fit_times, "predict_seconds": predict_times},
        index=list(models.keys()),
    )


# %% classical-baselines
def classical_baselines(random_state: int = 42) -> dict[str, BaseEstimator]:
    baselines = {}
    baselines["logreg"] = LogisticRegression(max_iter=500)
    baselines["forest"] = RandomForestClassifier(200, random_state=random_state, n_jobs=-1)
    return baselines

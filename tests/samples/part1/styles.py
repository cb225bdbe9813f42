"""Right but unusual solutions of Part I's tasks: each keeps every point."""

from functools import partial

from tests.samples.cases import Style, style

_mlp = partial(style, "mlp-from-scratch")
_study = partial(style, "batch-size-study")
_svm = partial(style, "svm-grid-search")
_wrapper = partial(style, "sklearn-wrapper")
_compare = partial(style, "compare-classifiers")
_folds = partial(style, "k-fold")
_baselines = partial(style, "classical-baselines")

_COLUMNS = '''
class MLPFromScratch:
    """Images as columns throughout: every array is the transpose of the lecture's."""

    def __init__(self, n_input=784, n_hidden=128, n_output=10, learning_rate=0.01, seed=None):
        np.random.seed(seed)
        self.n_input, self.n_hidden, self.n_output = n_input, n_hidden, n_output
        self.learning_rate = learning_rate
        self.W1 = np.random.randn(n_hidden, n_input) * (2 / n_input) ** 0.5
        self.b1 = np.zeros((n_hidden, 1))
        self.W2 = np.random.randn(n_output, n_hidden) * (2 / n_hidden) ** 0.5
        self.b2 = np.zeros((n_output, 1))
        self.vW1 = np.zeros((n_hidden, n_input))
        self.vb1 = np.zeros((n_hidden, 1))
        self.vW2 = np.zeros((n_output, n_hidden))
        self.vb2 = np.zeros((n_output, 1))

    def relu(self, x):
        return x * (x > 0)

    def relu_derivative(self, x):
        return x > 0

    def softmax(self, x):
        e = np.exp(x.T - np.max(x.T, axis=0))
        return (e / np.sum(e, axis=0)).T

    def forward(self, X):
        A0 = X.T
        self.z1 = np.dot(self.W1, A0) + self.b1
        self.a1 = self.relu(self.z1)
        self.z2 = np.dot(self.W2, self.a1) + self.b2
        self.a2 = self.softmax(self.z2.T).T
        return self.a2.T

    def compute_loss(self, y_pred, y_true):
        m = y_true.shape[0]
        Y = np.zeros(y_pred.shape)
        for i in range(m):
            Y[i, y_true[i]] = 1
        return -np.sum(Y * np.log(y_pred + 1e-8)) / m

    def backward(self, X, y_true, momentum=0.9):
        m = X.shape[0]
        Y = np.zeros((self.n_output, m))
        Y[y_true, np.arange(m)] = 1
        dZ2 = self.a2 - Y
        dW2 = 1 / m * np.dot(dZ2, self.a1.T)
        db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
        dZ1 = np.dot(self.W2.T, dZ2) * self.relu_derivative(self.z1)
        dW1 = 1 / m * np.dot(dZ1, X)
        db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
        self.vW1 = momentum * self.vW1 - self.learning_rate * dW1
        self.vb1 = momentum * self.vb1 - self.learning_rate * db1
        self.vW2 = momentum * self.vW2 - self.learning_rate * dW2
        self.vb2 = momentum * self.vb2 - self.learning_rate * db2
        self.W1 += self.vW1
        self.b1 += self.vb1
        self.W2 += self.vW2
        self.b2 += self.vb2

    def train(self, X_train, y_train, X_val, y_val, epochs=50, batch_size=128):
        train_losses = []
        val_accuracies = []
        n = X_train.shape[0]
        for epoch in range(epochs):
            indices = np.random.permutation(n)
            X_shuffled = X_train[indices]
            y_shuffled = y_train[indices]
            batch_losses = []
            for i in range(0, n, batch_size):
                X_batch = X_shuffled[i:i + batch_size]
                y_batch = y_shuffled[i:i + batch_size]
                y_pred = self.forward(X_batch)
                batch_losses.append(self.compute_loss(y_pred, y_batch))
                self.backward(X_batch, y_batch)
            train_losses.append(np.mean(batch_losses))
            val_accuracies.append(np.mean(self.predict(X_val) == y_val))
            if epoch % 10 == 0:
                print(f"Epoch {epoch}: loss = {train_losses[-1]:.4f}, val accuracy = {val_accuracies[-1]:.4f}")
        return train_losses, val_accuracies

    def predict(self, X):
        return np.argmax(self.forward(X), axis=1)
'''

_INPUT_BY_OUTPUT = '''
class MLPFromScratch:
    """Weights as (inputs, outputs), biases as rows, everything float64, helpers static."""

    def __init__(self, n_input=784, n_hidden=128, n_output=10, learning_rate=0.01, seed=None):
        self.lr = self.learning_rate = learning_rate
        rng = np.random.RandomState(seed)
        self._shuffler = np.random.RandomState(None if seed is None else seed + 1)
        self.W1 = rng.normal(0.0, np.sqrt(2.0 / n_input), size=(n_input, n_hidden))
        self.b1 = np.zeros((1, n_hidden))
        self.W2 = rng.normal(0.0, np.sqrt(2.0 / n_hidden), size=(n_hidden, n_output))
        self.b2 = np.zeros((1, n_output))
        for name in ("W1", "b1", "W2", "b2"):
            setattr(self, f"v{name}", np.zeros(getattr(self, name).shape))

    @staticmethod
    def relu(x):
        return np.where(x > 0, x, 0)

    @staticmethod
    def relu_derivative(x):
        return np.where(x > 0, 1, 0)

    @staticmethod
    def softmax(x):
        from scipy.special import softmax

        return softmax(x, axis=1)

    @classmethod
    def one_hot(cls, y, k):
        return np.eye(k)[y]

    def forward(self, X):
        X = np.asarray(X, dtype=np.float64)
        self.z1 = np.einsum("nd,dh->nh", X, self.W1) + self.b1
        self.a1 = self.relu(self.z1)
        self.z2 = np.einsum("nh,hk->nk", self.a1, self.W2) + self.b2
        self.a2 = self.softmax(self.z2)
        return self.a2

    def compute_loss(self, y_pred, y_true):
        y_pred = np.clip(y_pred, 1e-8, 1.0)
        return -np.mean(np.sum(self.one_hot(y_true, y_pred.shape[1]) * np.log(y_pred), axis=1))

    def backward(self, X, y_true, momentum=0.9):
        n = X.shape[0]
        dz2 = (self.a2 - self.one_hot(y_true, self.a2.shape[1])) / n
        grads = dict(W2=self.a1.T.dot(dz2), b2=dz2.sum(axis=0, keepdims=True))
        dz1 = dz2.dot(self.W2.T)
        dz1[self.z1 <= 0] = 0
        grads.update(W1=X.T.dot(dz1), b1=dz1.sum(axis=0, keepdims=True))
        for name in grads:
            v = getattr(self, "v" + name)
            v *= momentum
            v += grads[name]
            parameter = getattr(self, name)
            parameter -= self.lr * v

    def train(self, X_train, y_train, X_val, y_val, epochs=50, batch_size=128):
        from sklearn.utils import shuffle

        history = {"loss": np.empty(epochs), "accuracy": np.empty(epochs)}
        for epoch in range(epochs):
            Xs, ys = shuffle(X_train, y_train, random_state=self._shuffler)
            losses = []
            while len(Xs):
                Xb, Xs = Xs[:batch_size], Xs[batch_size:]
                yb, ys = ys[:batch_size], ys[batch_size:]
                losses.append(self.compute_loss(self.forward(Xb), yb))
                self.backward(Xb, yb)
            history["loss"][epoch] = np.mean(losses)
            history["accuracy"][epoch] = accuracy_score(y_val, self.predict(X_val))
        return history["loss"], history["accuracy"]

    def predict(self, X):
        return self.forward(X).argmax(axis=-1)
'''

_LOOPS = '''
class MLPFromScratch:
    """One sample at a time, gradients added up in a dict."""

    def __init__(self, n_input=784, n_hidden=128, n_output=10, learning_rate=0.01, seed=None):
        self.learning_rate = learning_rate
        self.rng = np.random.default_rng(seed)
        limit1, limit2 = np.sqrt(6 / n_input), np.sqrt(6 / n_hidden)
        self.W1 = self.rng.uniform(-limit1, limit1, (n_hidden, n_input))
        self.W2 = self.rng.uniform(-limit2, limit2, (n_output, n_hidden))
        self.b1, self.b2 = np.zeros(n_hidden), np.zeros(n_output)
        self.vW1, self.vW2 = 0 * self.W1, 0 * self.W2
        self.vb1, self.vb2 = 0 * self.b1, 0 * self.b2

    def relu(self, x):
        y = np.array(x, dtype=float)
        y[y < 0] = 0
        return y

    def relu_derivative(self, x):
        return np.heaviside(x, 0)

    def softmax(self, x):
        rows = []
        for row in x:
            e = np.exp(row - max(row))
            rows.append(e / sum(e))
        return np.array(rows)

    def forward(self, X):
        self.z1 = np.array([self.W1 @ x + self.b1 for x in X])
        self.a1 = self.relu(self.z1)
        self.z2 = np.array([self.W2 @ a + self.b2 for a in self.a1])
        self.a2 = self.softmax(self.z2)
        return self.a2

    def compute_loss(self, y_pred, y_true):
        total = 0
        for p, y in zip(y_pred, y_true):
            total -= np.log(p[y] + 1e-8)
        return total / len(y_true)

    def backward(self, X, y_true, momentum=0.9):
        n = len(X)
        g = {"W1": np.zeros_like(self.W1), "b1": np.zeros_like(self.b1)}
        g |= {"W2": np.zeros_like(self.W2), "b2": np.zeros_like(self.b2)}
        for i in range(n):
            d2 = self.a2[i].copy()
            d2[y_true[i]] -= 1
            d1 = (self.W2.T @ d2) * self.relu_derivative(self.z1[i])
            g["W2"] += np.outer(d2, self.a1[i]) / n
            g["b2"] += d2 / n
            g["W1"] += np.outer(d1, X[i]) / n
            g["b1"] += d1 / n
        self.vW1 = momentum * self.vW1 - self.learning_rate * g["W1"]
        self.vb1 = momentum * self.vb1 - self.learning_rate * g["b1"]
        self.vW2 = momentum * self.vW2 - self.learning_rate * g["W2"]
        self.vb2 = momentum * self.vb2 - self.learning_rate * g["b2"]
        self.W1, self.b1 = self.W1 + self.vW1, self.b1 + self.vb1
        self.W2, self.b2 = self.W2 + self.vW2, self.b2 + self.vb2

    def batches(self, X, y, size):
        order = list(range(len(X)))
        self.rng.shuffle(order)
        while order:
            rows, order = order[:size], order[size:]
            yield X[rows], y[rows]

    def train(self, X_train, y_train, X_val, y_val, epochs=50, batch_size=128):
        losses, accuracies = [], []
        for _ in range(epochs):
            for X_batch, y_batch in self.batches(X_train, y_train, batch_size):
                self.forward(X_batch)
                self.backward(X_batch, y_batch)
            losses.append(self.compute_loss(self.forward(X_train), y_train))
            hits = [int(guess) == int(truth) for guess, truth in zip(self.predict(X_val), y_val)]
            accuracies.append(sum(hits) / len(hits))
        return losses, accuracies

    def predict(self, X):
        return [int(np.argmax(p)) for p in self.forward(X)]
'''

_LAYERS = '''
class Dense:
    """A layer with its own parameters and velocities."""

    def __init__(self, n_in, n_out, rng):
        self.W = rng.standard_normal((n_in, n_out)) * np.sqrt(2 / n_in)
        self.b = np.zeros(n_out)
        self.vW, self.vb = np.zeros_like(self.W), np.zeros_like(self.b)

    def __call__(self, x):
        self.x = x
        return x @ self.W + self.b

    def gradients(self, dz):
        return dz @ self.W.T, self.x.T @ dz, dz.sum(0)


def _part(layer, name):
    def get(self):
        return getattr(getattr(self, layer), name)

    def put(self, value):
        setattr(getattr(self, layer), name, value)

    return property(get, put)


class MLPFromScratch:
    """Two layers; the names that the task wants are properties."""

    W1, b1, vW1, vb1 = (_part("hidden", name) for name in ("W", "b", "vW", "vb"))
    W2, b2, vW2, vb2 = (_part("output", name) for name in ("W", "b", "vW", "vb"))

    def __init__(self, n_input=784, n_hidden=128, n_output=10, learning_rate=0.01, seed=None):
        self.rng = np.random.default_rng(seed)
        self.learning_rate = learning_rate
        self.hidden = Dense(n_input, n_hidden, self.rng)
        self.output = Dense(n_hidden, n_output, self.rng)

    def relu(self, x):
        return (x + np.abs(x)) / 2

    def relu_derivative(self, x):
        return np.greater(x, 0).astype(float)

    def softmax(self, x):
        from scipy.special import logsumexp

        return np.exp(x - logsumexp(x, axis=1, keepdims=True))

    def forward(self, X):
        self.z1 = self.hidden(X)
        self.a1 = self.relu(self.z1)
        self.z2 = self.output(self.a1)
        self.a2 = self.softmax(self.z2)
        return self.a2

    def compute_loss(self, y_pred, y_true):
        return np.mean([-np.log(y_pred[i, c] + 1e-8) for i, c in enumerate(y_true)])

    def backward(self, X, y_true, momentum=0.9):
        n = len(y_true)
        blame = self.a2 / n
        np.add.at(blame, (np.arange(n), y_true), -1 / n)
        back, dW2, db2 = self.output.gradients(blame)
        _, dW1, db1 = self.hidden.gradients(back * self.relu_derivative(self.z1))
        for layer, dW, db in ((self.hidden, dW1, db1), (self.output, dW2, db2)):
            layer.vW = momentum * layer.vW + dW
            layer.vb = momentum * layer.vb + db
            layer.W = layer.W - self.learning_rate * layer.vW
            layer.b = layer.b - self.learning_rate * layer.vb

    def train(self, X_train, y_train, X_val, y_val, epochs=50, batch_size=128):
        data = np.arange(X_train.shape[0])

        def one_epoch():
            self.rng.shuffle(data)
            for rows in np.split(data, range(batch_size, len(data), batch_size)):
                probabilities = self.forward(X_train[rows])
                yield self.compute_loss(probabilities, y_train[rows]) * rows.size
                self.backward(X_train[rows], y_train[rows])

        history = [(sum(one_epoch()) / len(data), (self.predict(X_val) == y_val).mean()) for _ in range(epochs)]
        losses, accuracies = zip(*history) if history else ((), ())
        return list(losses), list(accuracies)

    def predict(self, X):
        return self.forward(X).argmax(1).astype(np.uint8)
'''

_RELU = "return np.maximum(x, 0)"
_MASK = "return (x > 0).astype(x.dtype)"
_EXPONENTIALS = "exponentials = np.exp(x - x.max(axis=1, keepdims=True))"
_QUOTIENT = "return exponentials / exponentials.sum(axis=1, keepdims=True)"
_MEAN = "return float(-np.log(probability_of_truth + 1e-8).mean())"
_VELOCITY = 'velocity = momentum * getattr(self, "v" + name) - self.learning_rate * gradient'
_STEP = "setattr(self, name, getattr(self, name) + velocity)"
_ORDER = "order = self.rng.permutation(len(X_train))"
_LISTS = "train_losses, val_accuracies = [], []"
_EPOCHS = "for _ in range(epochs):"
_ROWS = "X_batch, y_batch = X_train[batch], y_train[batch]"
_ACCURACY = "val_accuracies.append(float(np.mean(self.predict(X_val) == y_val)))"
_SUM_UP = "total_loss += self.compute_loss(self.forward(X_batch), y_batch) * len(batch)"

_MLP = [
    _mlp("mlp-columns", source=_COLUMNS),
    _mlp("mlp-inputs-by-outputs", source=_INPUT_BY_OUTPUT),
    _mlp("mlp-loops", source=_LOOPS),
    _mlp("mlp-layers-and-properties", source=_LAYERS),
    _mlp("mlp-float64", (".astype(np.float32)", "")),
    _mlp(
        "mlp-slots",
        (
            "    def __init__(",
            '    __slots__ = ("W1", "W2", "a1", "a2", "b1", "b2", "learning_rate", "rng", "vW1", "vW2", "vb1", "vb2",'
            ' "z1", "z2")\n\n    def __init__(',
        ),
    ),
    _mlp(
        "mlp-truncated-normal-by-hand",
        (
            "(self.rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in))",
            "self.rng.choice([-1.0, 1.0], (n_out, n_in)) * np.sqrt(2 / n_in)",
        ),
    ),
    _mlp(
        "mlp-own-seed-scheme",
        (
            "self.rng.standard_normal((n_out, n_in))",
            "np.random.default_rng(None if self.seed is None else [self.seed, n_in]).standard_normal((n_out, n_in))",
        ),
        ("self.learning_rate = learning_rate", "self.learning_rate, self.seed = learning_rate, seed"),
    ),
    _mlp(
        "mlp-biases-as-rows",
        ("np.zeros(n_hidden, dtype=np.float32)", "np.zeros((1, n_hidden), dtype=np.float32)"),
        ("np.zeros(n_output, dtype=np.float32)", "np.zeros((1, n_output), dtype=np.float32)"),
        ("delta1.sum(axis=0)", "delta1.sum(axis=0, keepdims=True)"),
        ("delta2.sum(axis=0)", "delta2.sum(axis=0, keepdims=True)"),
    ),
    _mlp(
        "mlp-extra-arguments",
        ("seed: int | None = None,", "seed: int | None = None, activation='relu', verbose=False, **extras,"),
        ("momentum: float = 0.9)", "momentum: float = 0.9, weight_decay=0.0, clip=None)"),
        (
            "batch_size: int = 128,\n    ) -> tuple",
            "batch_size: int = 128, verbose=False, shuffle=True,\n    ) -> tuple",
        ),
    ),
    _mlp(
        "mlp-extra-arguments-used",
        ("def forward(self, X: np.ndarray)", "def forward(self, X: np.ndarray, training: bool = False)"),
        (
            "def compute_loss(self, y_pred: np.ndarray, y_true: np.ndarray)",
            "def compute_loss(self, y_pred, y_true, weights=None)",
        ),
        ("momentum: float = 0.9)", "momentum: float = 0.9, clip=None)"),
        (
            "self.compute_loss(self.forward(X_batch), y_batch)",
            "self.compute_loss(self.forward(X_batch, training=True), y_batch, weights=None)",
        ),
        ("self.backward(X_batch, y_batch)", "self.backward(X_batch, y_batch, 0.9, clip=None)"),
    ),
    _mlp("mlp-relu-where", (_RELU, "return np.where(x > 0, x, np.zeros_like(x))")),
    _mlp("mlp-relu-clip", (_RELU, "return np.clip(x, 0, None)")),
    _mlp("mlp-derivative-booleans", (_MASK, "return x > 0")),
    _mlp("mlp-derivative-integers", (_MASK, "return (np.sign(x) > 0) * 1")),
    _mlp("mlp-derivative-vectorize", (_MASK, "return np.vectorize(lambda v: 1.0 if v > 0 else 0.0)(x)")),
    _mlp(
        "mlp-softmax-exp-normalise",
        (_EXPONENTIALS, "exponentials = np.exp((x.T - np.amax(x, axis=1)).T)"),
        (_QUOTIENT, "return (exponentials.T / exponentials.sum(axis=1)).T"),
    ),
    _mlp("mlp-softmax-any-axis", (_EXPONENTIALS, "exponentials = np.exp(x - np.max(x, axis=-1, keepdims=True))")),
    _mlp(
        "mlp-softmax-tiny-in-quotient",
        (_QUOTIENT, "return exponentials / (exponentials.sum(axis=1, keepdims=True) + 1e-12)"),
    ),
    _mlp(
        "mlp-keeps-input", ("self.z1 = X @", "self.X = X\n        self.z1 = X @"), ("delta1.T @ X", "delta1.T @ self.X")
    ),
    _mlp(
        "mlp-keeps-copies",
        ("        return self.a2\n", "        self.cache = (self.z1, self.a1)\n        return self.a2.copy()\n"),
    ),
    _mlp(
        "mlp-forward-flag",
        ("def forward(self, X: np.ndarray)", "def forward(self, X: np.ndarray, keep: bool = True)"),
        ("return self.forward(X).argmax(axis=1)", "return self.forward(X, keep=True).argmax(axis=1)"),
    ),
    _mlp(
        "mlp-loss-clips",
        ("np.log(probability_of_truth + 1e-8)", "np.log(np.clip(probability_of_truth, 1e-8, 1 - 1e-8))"),
    ),
    _mlp("mlp-loss-maximum", ("np.log(probability_of_truth + 1e-8)", "np.log(np.maximum(probability_of_truth, 1e-8))")),
    _mlp("mlp-loss-numpy-scalar", (_MEAN, "return np.float32(-np.log(probability_of_truth + 1e-8).mean())")),
    _mlp("mlp-loss-zero-dimensional", (_MEAN, "return np.array(-np.log(probability_of_truth + 1e-8).mean())")),
    _mlp(
        "mlp-loss-one-hot",
        (
            _MEAN,
            (
                "one_hot = np.eye(y_pred.shape[1])[y_true]\n        "
                "return -(one_hot * np.log(y_pred + 1e-8)).sum() / y_pred.shape[0]"
            ),
        ),
    ),
    _mlp(
        "mlp-loss-take-along-axis",
        ("y_pred[np.arange(len(y_true)), y_true]", "np.take_along_axis(y_pred, y_true[:, None], axis=1)"),
    ),
    _mlp("mlp-delta-in-place", ("delta2 = self.a2.copy()", "delta2 = self.a2")),
    _mlp(
        "mlp-backward-runs-forward",
        ("        n_samples = len(X)\n", "        self.forward(X)\n        n_samples = len(X)\n"),
    ),
    _mlp(
        "mlp-nested-functions",
        (
            _VELOCITY,
            "def damped(old):\n                return momentum * old\n\n"
            '            velocity = damped(getattr(self, "v" + name)) - self.learning_rate * gradient',
        ),
    ),
    _mlp(
        "mlp-pytorch-momentum",
        (_VELOCITY, 'velocity = momentum * getattr(self, "v" + name) + gradient'),
        (_STEP, "setattr(self, name, getattr(self, name) - self.learning_rate * velocity)"),
    ),
    _mlp(
        "mlp-velocity-downhill",
        (_VELOCITY, 'velocity = momentum * getattr(self, "v" + name) + self.learning_rate * gradient'),
        (_STEP, "setattr(self, name, getattr(self, name) - velocity)"),
    ),
    _mlp(
        "mlp-in-place-updates",
        (_STEP, "parameter = getattr(self, name)\n            parameter += velocity.astype(parameter.dtype)"),
    ),
    _mlp("mlp-backward-returns-gradients", (_STEP, f"{_STEP}\n        return gradients")),
    _mlp(
        "mlp-returns-loss-arrays",
        ("return train_losses, val_accuracies", "return np.array(train_losses), np.array(val_accuracies)"),
    ),
    _mlp(
        "mlp-returns-float32", (_ACCURACY, "val_accuracies.append(np.float32(np.mean(self.predict(X_val) == y_val)))")
    ),
    _mlp("mlp-accuracy-by-sklearn", (_ACCURACY, "val_accuracies.append(accuracy_score(y_val, self.predict(X_val)))")),
    _mlp(
        "mlp-history-tuple-of-tuples",
        ("return train_losses, val_accuracies", "return tuple(train_losses), tuple(val_accuracies)"),
    ),
    _mlp("mlp-history-as-list", ("return train_losses, val_accuracies", "return [train_losses, val_accuracies]")),
    _mlp(
        "mlp-tqdm",
        (_EPOCHS, "from tqdm import tqdm\n\n        for _ in tqdm(range(epochs), desc='training', disable=False):"),
    ),
    _mlp(
        "mlp-logs-and-warns",
        (
            _ACCURACY,
            f"{_ACCURACY}\n            import logging\n            import warnings\n\n"
            '            logging.getLogger("mlp").warning("epoch done")\n            warnings.warn("slow")',
        ),
    ),
    _mlp(
        "mlp-prints-with-flush",
        (_ACCURACY, f'{_ACCURACY}\n            print("\\r", len(train_losses), train_losses[-1], end="", flush=True)'),
    ),
    _mlp(
        "mlp-whole-array-shuffled-copy",
        (_ORDER, f"{_ORDER}\n            Xs, ys = X_train[order], y_train[order]"),
        (_ROWS, "X_batch = Xs[start : start + batch_size]\n                y_batch = ys[start : start + batch_size]"),
    ),
    _mlp(
        "mlp-sklearn-shuffle",
        (
            _ORDER,
            (
                "from sklearn.utils import shuffle\n"
                "\n            "
                "order = shuffle(np.arange(len(X_train)), random_state=int(self.rng.integers(2**31)))"
            ),
        ),
    ),
    _mlp(
        "mlp-shuffle-on-the-copy",
        (_LISTS, f"{_LISTS}\n        X_train, y_train = X_train.copy(), y_train.copy()"),
        (
            _ORDER,
            (
                f"{_ORDER}\n            "
                f"X_train, y_train = X_train[order], y_train[order]\n            "
                f"order = np.arange(len(X_train))"
            ),
        ),
    ),
    _mlp("mlp-argsort-shuffle", (_ORDER, "order = np.argsort(self.rng.random(len(X_train)))")),
    _mlp(
        "mlp-global-permutation",
        (_LISTS, f"{_LISTS}\n        np.random.seed(int(self.rng.integers(2**31)))"),
        (_ORDER, "order = np.random.permutation(len(X_train))"),
    ),
    _mlp(
        "mlp-loss-after-the-step",
        (_SUM_UP, "self.forward(X_batch)"),
        (
            "            train_losses.append(total_loss / len(X_train))",
            "            train_losses.append(self.compute_loss(self.forward(X_train), y_train))",
        ),
    ),
    _mlp(
        "mlp-mean-of-batch-means",
        (_SUM_UP, "total_loss += self.compute_loss(self.forward(X_batch), y_batch)"),
        ("total_loss / len(X_train)", "total_loss / -(-len(X_train) // batch_size)"),
    ),
    _mlp(
        "mlp-momentum-passed-on", ("self.backward(X_batch, y_batch)", "self.backward(X_batch, y_batch, momentum=0.9)")
    ),
    _mlp("mlp-backward-by-keyword", ("self.backward(X_batch, y_batch)", "self.backward(X=X_batch, y_true=y_batch)")),
    _mlp(
        "mlp-velocities-reset-at-training",
        (
            _LISTS,
            f"{_LISTS}\n        self.vW1 *= 0\n        self.vb1 *= 0\n        self.vW2 *= 0\n        self.vb2 *= 0",
        ),
    ),
    _mlp("mlp-casts-its-input", ("self.z1 = X @", "X = np.asarray(X, dtype=np.float32)\n        self.z1 = X @")),
    _mlp(
        "mlp-keeps-history-on-self",
        (
            "return train_losses, val_accuracies",
            (
                "self.history = {'loss': train_losses, 'accuracy': val_accuracies}\n        "
                "return train_losses, val_accuracies"
            ),
        ),
    ),
    _mlp(
        "mlp-predict-from-logits",
        ("return self.forward(X).argmax(axis=1)", "self.forward(X)\n        return np.argmax(self.z2, axis=1)"),
    ),
    _mlp(
        "mlp-predict-in-chunks",
        (
            "return self.forward(X).argmax(axis=1)",
            "return np.concatenate([self.forward(X[i : i + 7]).argmax(axis=1) for i in range(0, len(X), 7)])",
        ),
    ),
    _mlp(
        "mlp-predict-int32",
        ("return self.forward(X).argmax(axis=1)", "return self.forward(X).argmax(axis=1).astype(np.int32)"),
    ),
    _mlp(
        "mlp-predict-list",
        ("return self.forward(X).argmax(axis=1)", "return np.array([int(row.argmax()) for row in self.forward(X)])"),
    ),
]

_TABLE = 'return pd.DataFrame(rows, index=pd.Index(batch_sizes, name="batch_size"))'
_STUDY = [
    _study(
        "study-set-index",
        ('rows.append({"final_loss"', 'rows.append({"batch_size": batch_size, "final_loss"'),
        (_TABLE, 'return pd.DataFrame(rows).set_index("batch_size")'),
    ),
    _study(
        "study-grows-a-table",
        source="""
def batch_size_study(batch_sizes, epochs):
    table = pd.DataFrame(columns=["final_loss", "val_accuracy", "seconds"])
    for size in batch_sizes:
        net = MLPFromScratch(n_input=784, n_hidden=128, n_output=10, learning_rate=0.01, seed=42)
        start = time.time()
        loss, acc = net.train(X_train, y_train, X_val, y_val, epochs=epochs, batch_size=size)
        table.loc[size] = [loss[-1], acc[-1], time.time() - start]
    return table
""",
    ),
    _study(
        "study-dict-of-lists",
        source="""
def batch_size_study(batch_sizes, epochs):
    from time import perf_counter

    columns = {"seconds": [], "val_accuracy": [], "final_loss": [], "accuracies": []}
    for i, bs in enumerate(batch_sizes):
        t0 = perf_counter()
        model = MLPFromScratch(seed=42)
        data = dict(X_val=X_val, y_val=y_val, X_train=X_train, y_train=y_train)
        history = model.train(batch_size=int(bs), epochs=epochs, **data)
        columns["seconds"].append(round(perf_counter() - t0, 6))
        columns["final_loss"].append(float(history[0][-1]))
        columns["val_accuracy"].append(float(history[1][-1]))
        columns["accuracies"].append(list(history[1]))
        print(f"{i + 1}/{len(batch_sizes)}: batch size {bs} done")
    df = pd.DataFrame(columns, index=list(batch_sizes))
    df.index.name = "batch size"
    return df
""",
    ),
    _study(
        "study-concat",
        (_TABLE, "return pd.concat([pd.Series(row, name=size) for row, size in zip(rows, batch_sizes)], axis=1).T"),
    ),
]

_SEARCH = 'GridSearchCV(SVC(kernel="rbf"), param_grid, cv=cv, scoring="accuracy").fit(X, y)'
_SVM = [
    _svm(
        "svm-parallel-and-verbose",
        (
            _SEARCH,
            (
                "GridSearchCV(SVC(kernel='rbf'), param_grid=param_grid, cv=cv, scoring='accuracy', "
                "n_jobs=1, verbose=1, return_train_score=True).fit(X, y)"
            ),
        ),
    ),
    _svm(
        "svm-default-kernel-and-score",
        (_SEARCH, "GridSearchCV(estimator=SVC(), param_grid=param_grid, cv=cv).fit(X, y)"),
    ),
    _svm(
        "svm-stratified-folds",
        (
            _SEARCH,
            (
                "GridSearchCV(SVC(kernel='rbf', random_state=0), param_grid, "
                "cv=StratifiedKFold(n_splits=cv), scoring='accuracy').fit(X, y)"
            ),
        ),
    ),
    _svm(
        "svm-shuffled-folds",
        (
            _SEARCH,
            (
                "GridSearchCV(SVC(), param_grid, cv=StratifiedKFold(cv, shuffle=True, "
                "random_state=42), scoring='accuracy', refit=True).fit(X, y)"
            ),
        ),
    ),
    _svm(
        "svm-fit-on-its-own-line",
        (
            f"return {_SEARCH}",
            (
                'search = GridSearchCV(SVC(kernel="rbf", cache_size=500), param_grid, cv=cv, '
                'scoring="accuracy")\n    '
                "search.fit(X, y)\n    "
                "print(search.best_params_)\n    "
                "return search"
            ),
        ),
    ),
    _svm(
        "svm-grid-in-arrays",
        (
            '{"C": [0.1, 1, 10], "gamma": ["scale", "auto", 0.01]}',
            '{"gamma": [0.01, "scale", "auto"], "C": np.array([10.0, 1.0, 0.1])}',
        ),
    ),
    _svm("svm-kernel-in-the-grid", ('{"C": [0.1, 1, 10],', '{"kernel": ["rbf"], "C": [0.1, 1, 10],')),
    _svm(
        "svm-list-of-grids",
        (
            '{"C": [0.1, 1, 10], "gamma": ["scale", "auto", 0.01]}',
            '[{"C": [c], "gamma": ["scale", "auto", 0.01]} for c in (0.1, 1, 10)]',
        ),
    ),
    _svm(
        "svm-scorer-object",
        ('scoring="accuracy"', 'scoring=__import__("sklearn.metrics").metrics.make_scorer(accuracy_score)'),
    ),
    _svm("svm-or-default", ("    if param_grid is None:\n        param_grid = ", "    param_grid = param_grid or ")),
    _svm(
        "svm-with-probabilities",
        ('SVC(kernel="rbf")', 'SVC(kernel="rbf", class_weight=None, decision_function_shape="ovr")'),
    ),
]

_UNIQUE = "self.classes_, positions = np.unique(y, return_inverse=True)"
_TRANSLATE = "return self.classes_[self.network_.predict(np.asarray(X))]"
_WRAPPER = [
    _wrapper(
        "wrapper-another-name-for-classes",
        (_UNIQUE, "self.labels, positions = np.unique(y, return_inverse=True)"),
        ("len(self.classes_)", "len(self.labels)"),
        (_TRANSLATE, "return self.labels[self.network_.predict(np.asarray(X))]"),
    ),
    _wrapper("wrapper-classes-unsorted", (_UNIQUE, "positions, self.classes_ = pd.factorize(np.asarray(y))")),
    _wrapper("wrapper-base-first", ("(ClassifierMixin, BaseEstimator)", "(BaseEstimator, ClassifierMixin)")),
    _wrapper(
        "wrapper-label-encoder",
        (
            _UNIQUE,
            (
                "from sklearn.preprocessing import LabelEncoder\n"
                "\n        "
                "self.encoder_ = LabelEncoder().fit(y)\n        "
                "self.classes_ = self.encoder_.classes_\n        "
                "positions = self.encoder_.transform(y)"
            ),
        ),
        (_TRANSLATE, "return self.encoder_.inverse_transform(self.network_.predict(np.asarray(X)))"),
    ),
    _wrapper(
        "wrapper-dictionary",
        (
            _UNIQUE,
            (
                "self.classes_ = np.array(sorted(set(np.asarray(y).tolist())))\n        "
                "place = {label: i for i, label in enumerate(self.classes_.tolist())}\n        "
                "positions = np.array([place[label] for label in np.asarray(y).tolist()])"
            ),
        ),
    ),
    _wrapper(
        "wrapper-searchsorted",
        (_UNIQUE, "self.classes_ = np.unique(y)\n        positions = np.searchsorted(self.classes_, y)"),
    ),
    _wrapper(
        "wrapper-own-score",
        (
            "    def predict(self,",
            (
                "    def score(self, X, y, sample_weight=None):\n        "
                "return accuracy_score(y, self.predict(X))\n"
                "\n    "
                "def predict(self,"
            ),
        ),
    ),
    _wrapper("wrapper-float64-input", ("X = np.asarray(X)\n", "X = np.array(X, dtype=np.float64)\n")),
    _wrapper(
        "wrapper-validates",
        (
            "X = np.asarray(X)\n",
            (
                "from sklearn.utils.validation import check_X_y\n"
                "\n        "
                "X, y = check_X_y(X, y)\n        "
                "self.n_features_in_ = X.shape[1]\n"
            ),
        ),
        (
            _TRANSLATE,
            (
                "from sklearn.utils.validation import check_array, check_is_fitted\n"
                "\n        "
                "check_is_fitted(self)\n        "
                "return self.classes_[self.network_.predict(check_array(X))]"
            ),
        ),
    ),
    _wrapper(
        "wrapper-keeps-history",
        ("        self.network_.train(", "        self.loss_curve_, self.accuracies_ = self.network_.train("),
    ),
    _wrapper(
        "wrapper-positional", ("epochs=self.epochs, batch_size=self.batch_size)", "self.epochs, self.batch_size)")
    ),
    _wrapper(
        "wrapper-probabilities-too",
        (
            "    def predict(self,",
            (
                "    def predict_proba(self, X):\n        "
                "return self.network_.forward(np.asarray(X))\n"
                "\n    "
                "def predict(self,"
            ),
        ),
        (_TRANSLATE, "return np.take(self.classes_, self.predict_proba(X).argmax(axis=1))"),
    ),
    _wrapper(
        "wrapper-one-validation-row",
        ("self.network_.train(X, positions, X, positions,", "self.network_.train(X, positions, X[:1], positions[:1],"),
    ),
    _wrapper(
        "wrapper-network-named-otherwise",
        ("        self.network_ = MLPFromScratch(", "        self.network_ = self.mlp = MLPFromScratch("),
        ("[self.network_.predict", "[self.mlp.predict"),
    ),
    _wrapper(
        "wrapper-more-settings",
        ("random_state: int | None = None,\n", "random_state: int | None = None,\n        verbose: bool = False,\n"),
        ("self.random_state = random_state", "self.random_state = random_state\n        self.verbose = verbose"),
    ),
]

_F1 = 'f1_score(y_test, y_pred, average="macro")'
_COMPARE = [
    _compare(
        "compare-list-of-rows",
        source="""
def compare_classifiers(models, X_train, y_train, X_test, y_test):
    results = []
    for name in models:
        model = clone(models[name])
        t0 = time.time()
        model.fit(X_train, y_train)
        t1 = time.time()
        predictions = model.predict(X_test)
        t2 = time.time()
        report = classification_report(y_test, predictions, output_dict=True, zero_division=0)
        results.append((name, np.mean(predictions == y_test), report["macro avg"]["f1-score"], t1 - t0, t2 - t1))
        print(f"{name}: {results[-1][1]:.3f}")
    return pd.DataFrame(
        results, columns=["model", "accuracy", "macro_f1", "fit_seconds", "predict_seconds"]
    ).set_index("model")
""",
    ),
    _compare(
        "compare-grows-a-table",
        source="""
def compare_classifiers(models, X_train, y_train, X_test, y_test):
    from timeit import default_timer as timer

    columns = ["predict_seconds", "fit_seconds", "macro_f1", "accuracy"]
    df = pd.DataFrame(index=list(models), columns=columns, dtype=float)
    for name, model in models.items():
        start = timer()
        fitted = model.fit(X_train, y_train)
        df.loc[name, "fit_seconds"] = timer() - start
        start = timer()
        y_hat = fitted.predict(X_test)
        df.loc[name, "predict_seconds"] = timer() - start
        df.loc[name, "accuracy"] = accuracy_score(y_test, y_hat)
        df.loc[name, "macro_f1"] = f1_score(y_true=y_test, y_pred=y_hat, average="macro", zero_division=0)
    return df
""",
    ),
    _compare("compare-f1-arguments-swapped", (_F1, 'f1_score(y_pred, y_test, average="macro")')),
    _compare("compare-f1-by-hand", (_F1, "float(np.mean(f1_score(y_test, y_pred, average=None)))")),
    _compare("compare-transposes", ('pd.DataFrame.from_dict(rows, orient="index")', "pd.DataFrame(rows).T")),
    _compare(
        "compare-nanoseconds",
        ("started = time.perf_counter()", "started = time.perf_counter_ns() / 1e9"),
        ("fitted = time.perf_counter()", "fitted = time.perf_counter_ns() / 1e9"),
        ("predicted = time.perf_counter()", "predicted = time.perf_counter_ns() / 1e9"),
    ),
    _compare(
        "compare-monotonic",
        ("started = time.perf_counter()", "started = time.monotonic()"),
        ("fitted = time.perf_counter()", "fitted = time.monotonic()"),
        ("predicted = time.perf_counter()", "predicted = time.monotonic()"),
    ),
    _compare(
        "compare-more-columns",
        ('"accuracy": accuracy_score', '"error": np.mean(y_pred != y_test),\n            "accuracy": accuracy_score'),
    ),
    _compare(
        "compare-scores-outside-the-span",
        ("predicted = time.perf_counter()", "predicted = time.perf_counter()\n        model.score(X_test, y_test)"),
    ),
    _compare(
        "compare-clock-read-in-the-row",
        ("        predicted = time.perf_counter()\n", ""),
        ("predicted - fitted", "time.perf_counter() - fitted"),
    ),
]

_FOLDS = [
    _folds(
        "folds-cross-val-score",
        source="""
def k_fold_scores(model, X, y, k=5):
    cv = StratifiedKFold(n_splits=k, shuffle=True, random_state=0)
    scores = cross_val_score(model, X, y, cv=cv, scoring="accuracy")
    return scores.mean(), scores.std()
""",
    ),
    _folds(
        "folds-cross-validate",
        source="""
def k_fold_scores(model, X, y, k=5):
    from sklearn.model_selection import cross_validate

    result = cross_validate(clone(model), X, y, cv=StratifiedKFold(k, shuffle=True), scoring=("accuracy",), n_jobs=1)
    return float(result["test_accuracy"].mean()), float(result["test_accuracy"].std())
""",
    ),
    _folds("folds-sample-deviation", ("np.std(scores)", "np.std(scores, ddof=1)")),
    _folds(
        "folds-numpy-scalars",
        ("return float(np.mean(scores)), float(np.std(scores))", "return np.float32(np.mean(scores)), np.std(scores)"),
    ),
    _folds(
        "folds-array-of-two",
        ("return float(np.mean(scores)), float(np.std(scores))", "return np.array([np.mean(scores), np.std(scores)])"),
    ),
    _folds(
        "folds-statistics-module",
        ("    scores = [", "    import statistics\n\n    scores = ["),
        ("float(np.mean(scores)), float(np.std(scores))", "statistics.fmean(scores), statistics.pstdev(scores)"),
    ),
    _folds(
        "folds-deepcopy",
        ("    scores = [", "    import copy\n\n    scores = ["),
        ("clone(model).fit", "copy.deepcopy(model).fit"),
    ),
    _folds(
        "folds-own-splitter",
        source="""
def k_fold_scores(model, X, y, k=5):
    X, y = np.asarray(X), np.asarray(y)
    rng = np.random.default_rng(7)
    fold = np.empty(len(y), dtype=int)
    dealt = 0
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        fold[rows] = (dealt + np.arange(len(rows))) % k
        dealt += len(rows)
    accuracies = []
    for i in range(k):
        m = clone(model)
        m.fit(X[fold != i], y[fold != i])
        accuracies.append(accuracy_score(y[fold == i], m.predict(X[fold == i])))
    return np.mean(accuracies), np.std(accuracies)
""",
    ),
    _folds(
        "folds-repeated-one-time",
        (
            "    folds = StratifiedKFold(n_splits=k, shuffle=True, random_state=42)",
            (
                "    from sklearn.model_selection import RepeatedStratifiedKFold\n"
                "\n    "
                "folds = RepeatedStratifiedKFold(n_splits=k, n_repeats=1, random_state=1)"
            ),
        ),
    ),
]

_LOGISTIC = "LogisticRegression(max_iter=1000)"
_FOREST = "RandomForestClassifier(n_estimators=200, random_state=random_state)"
_BASELINES = [
    _baselines(
        "baselines-pipelines",
        (_LOGISTIC, "make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))"),
        (_FOREST, f"make_pipeline(MinMaxScaler(), {_FOREST})"),
    ),
    _baselines(
        "baselines-deprecated-arguments",
        (
            '    return {\n        "logistic regression": LogisticRegression(max_iter=1000),',
            "    import inspect\n\n"
            "    known = inspect.signature(LogisticRegression).parameters\n"
            '    extra = {"multi_class": "multinomial"} if "multi_class" in known else {}\n'
            '    extra |= {"penalty": "l2"} if "penalty" in known else {}\n'
            '    return {\n        "logistic regression": LogisticRegression(solver="lbfgs", **extra),',
        ),
    ),
    _baselines("baselines-short-keys", ('"logistic regression"', '"lr"'), ('"random forest"', '"rf"')),
    _baselines(
        "baselines-seed-for-both",
        (_LOGISTIC, "LogisticRegression(solver='saga', random_state=random_state, C=0.1, n_jobs=None)"),
    ),
    _baselines(
        "baselines-set-params",
        (_FOREST, "RandomForestClassifier().set_params(n_estimators=200, random_state=random_state, n_jobs=1)"),
    ),
    _baselines(
        "baselines-generator",
        (_FOREST, "RandomForestClassifier(200, random_state=random_state, class_weight='balanced', oob_score=True)"),
    ),
    _baselines(
        "baselines-named-pipeline",
        (
            _LOGISTIC,
            (
                "__import__('sklearn.pipeline').pipeline.Pipeline([('scale', MinMaxScaler()), "
                "('classify', LogisticRegression())])"
            ),
        ),
    ),
    _baselines(
        "baselines-ordered-dict",
        ("    return {\n", "    from collections import OrderedDict\n\n    return OrderedDict({\n"),
        ("random_state=random_state),\n    }", "random_state=random_state),\n    })"),
    ),
]

STYLES: list[Style] = [*_MLP, *_STUDY, *_SVM, *_WRAPPER, *_COMPARE, *_FOLDS, *_BASELINES]

"""Part I's reference solutions with one realistic mistake each, and the test cells which that mistake may cost.

`loses` is what the principle "one mistake costs its own points and no others" demands, not what an exam happens to do.
"""

from functools import partial

from tests.samples.cases import Mutant, mutant

INIT = "test-mlp-init"
ACTIVATIONS = "test-mlp-activations"
FORWARD = "test-mlp-forward"
LOSS = "test-mlp-loss"
BACKWARD = "test-mlp-backward"
MOMENTUM = "test-mlp-momentum"
TRAIN = "test-mlp-train"
PREDICT = "test-mlp-predict"
STUDY = "test-batch-size-study"
SVM = "test-svm-grid-search"
WRAPPER = "test-sklearn-wrapper"
COMPARE = "test-compare-classifiers"
FOLDS = "bonus-k-fold"
BASELINES = "bonus-classical-baselines"

_mlp = partial(mutant, "mlp-from-scratch")
_study = partial(mutant, "batch-size-study")
_svm = partial(mutant, "svm-grid-search")
_wrapper = partial(mutant, "sklearn-wrapper")
_compare = partial(mutant, "compare-classifiers")
_folds = partial(mutant, "k-fold")
_baselines = partial(mutant, "classical-baselines")

_B1_START = "self.b1 = np.zeros(n_hidden, dtype=np.float32)"
_B2_START = "self.b2 = np.zeros(n_output, dtype=np.float32)"
_VELOCITIES_START = """        self.vW1, self.vb1 = np.zeros_like(self.W1), np.zeros_like(self.b1)
        self.vW2, self.vb2 = np.zeros_like(self.W2), np.zeros_like(self.b2)
"""

_INIT = [
    _mlp("init-xavier", {INIT}, "1/n_in, the rule for tanh", ("np.sqrt(2 / n_in)", "np.sqrt(1 / n_in)")),
    _mlp("init-glorot", {INIT}, "Glorot's mean", ("np.sqrt(2 / n_in)", "np.sqrt(2 / (n_in + n_out))")),
    _mlp("init-small-constant", {INIT}, "0.01 as in old tutorials", ("np.sqrt(2 / n_in)", "0.01")),
    _mlp("init-unscaled", {INIT}, "standard normal weights", (" * np.sqrt(2 / n_in)", "")),
    _mlp("init-variance-for-deviation", {INIT}, "the root is forgotten", ("np.sqrt(2 / n_in)", "(2 / n_in)")),
    _mlp("init-fan-out", {INIT}, "scaled by the outputs", ("np.sqrt(2 / n_in)", "np.sqrt(2 / n_out)")),
    _mlp(
        "init-one-scale-for-both",
        {INIT},
        "W2 gets the scale of W1",
        ("self._he(n_output, n_hidden)", "self.rng.normal(0, np.sqrt(2 / n_input), (n_output, n_hidden))"),
    ),
    _mlp(
        "init-positive-weights",
        {INIT},
        "uniform on [0, 1), so the mean is not zero",
        ("self.rng.standard_normal((n_out, n_in))", "self.rng.random((n_out, n_in))"),
    ),
    _mlp(
        "init-uniform-without-root-three",
        {INIT},
        "uniform on ±√(2/n_in) has a smaller deviation",
        ("self.rng.standard_normal((n_out, n_in))", "self.rng.uniform(-1, 1, (n_out, n_in))"),
    ),
    _mlp(
        "init-zero-weights",
        {INIT},
        "W2 starts at zero",
        ("self._he(n_output, n_hidden)", "np.zeros((n_output, n_hidden))"),
    ),
    _mlp(
        "init-random-hidden-bias",
        {INIT},
        "biases drawn like weights",
        (_B1_START, "self.b1 = self.rng.standard_normal(n_hidden).astype(np.float32)"),
    ),
    _mlp("init-bias-of-ones", {INIT}, "ones for zeros", (_B2_START, "self.b2 = np.ones(n_output, dtype=np.float32)")),
    _mlp(
        "init-seed-ignored",
        {INIT},
        "draws from the global generator, unseeded",
        ("self.rng.standard_normal((n_out, n_in))", "np.random.randn(n_out, n_in)"),
    ),
    _mlp(
        "init-no-velocities",
        {INIT},
        "velocities appear at the first step only",
        (_VELOCITIES_START, ""),
        ('getattr(self, "v" + name) -', 'getattr(self, "v" + name, 0.0) -'),
    ),
    _mlp(
        "init-sizes-typed-in",
        {INIT},
        "784, 128 and 10 whatever the arguments say",
        ("self._he(n_hidden, n_input)", "self._he(128, 784)"),
        ("self._he(n_output, n_hidden)", "self._he(10, 128)"),
        ("np.zeros(n_hidden, dtype=np.float32)", "np.zeros(128, dtype=np.float32)"),
        ("np.zeros(n_output, dtype=np.float32)", "np.zeros(10, dtype=np.float32)"),
    ),
    _mlp(
        "init-hidden-size-typed-in",
        {INIT},
        "128 hidden units whatever the argument says",
        ("self._he(n_hidden, n_input)", "self._he(128, n_input)"),
        ("self._he(n_output, n_hidden)", "self._he(n_output, 128)"),
        ("np.zeros(n_hidden, dtype=np.float32)", "np.zeros(128, dtype=np.float32)"),
    ),
    _mlp(
        "init-velocities-of-ones",
        {INIT},
        "a push at the start",
        ("self.vW1, self.vb1 = np.zeros_like(self.W1)", "self.vW1, self.vb1 = np.ones_like(self.W1)"),
    ),
]

_RELU = "return np.maximum(x, 0)"
_MASK = "return (x > 0).astype(x.dtype)"
_EXPONENTIALS = "np.exp(x - x.max(axis=1, keepdims=True))"
_SUM = "exponentials.sum(axis=1, keepdims=True)"

_ACTIVATIONS = [
    _mlp("relu-in-place", {ACTIVATIONS}, "z1 is gone", (_RELU, "return np.maximum(x, 0, out=x)")),
    _mlp(
        "relu-derivative-in-place",
        {ACTIVATIONS},
        "z1 is gone",
        ("return (x > 0).astype(x.dtype)", "x[:] = x > 0\n        return x"),
    ),
    _mlp("relu-leaky", {ACTIVATIONS}, "a slope below zero", (_RELU, "return np.where(x > 0, x, 0.01 * x)")),
    _mlp("relu-clipped-at-one", {ACTIVATIONS}, "flat above one", (_RELU, "return np.clip(x, 0, 1)")),
    _mlp("relu-absolute", {ACTIVATIONS}, "negative values come back positive", (_RELU, "return np.abs(x)")),
    _mlp("relu-scalar", {ACTIVATIONS}, "one number for a whole array", (_RELU, "return max(0, np.max(x))")),
    _mlp("relu-derivative-at-zero", {ACTIVATIONS}, "1 at exactly 0", (_MASK, "return (x >= 0).astype(x.dtype)")),
    _mlp("relu-derivative-is-relu", {ACTIVATIONS}, "copied from relu", (_MASK, "return np.where(x > 0, x, 0)")),
    _mlp("relu-derivative-leaky", {ACTIVATIONS}, "0.01 below zero", (_MASK, "return np.where(x > 0, 1.0, 0.01)")),
    _mlp("relu-derivative-ones", {ACTIVATIONS}, "1 everywhere", (_MASK, "return np.ones_like(x)")),
    _mlp("softmax-unstable", {ACTIVATIONS}, "exp of large logits", (_EXPONENTIALS, "np.exp(x)")),
    _mlp("softmax-largest-of-batch", {ACTIVATIONS}, "other rows underflow", (_EXPONENTIALS, "np.exp(x - x.max())")),
    _mlp("softmax-clipped", {ACTIVATIONS}, "1000 and 999 become equal", (_EXPONENTIALS, "np.exp(np.clip(x, -80, 80))")),
    _mlp("softmax-columns", {ACTIVATIONS}, "sums over the samples", (_SUM, "exponentials.sum(axis=0, keepdims=True)")),
    _mlp("softmax-whole-batch", {ACTIVATIONS}, "one sum for all rows", (_SUM, "exponentials.sum()")),
    _mlp("softmax-sigmoid", {ACTIVATIONS}, "each logit by itself", (f"exponentials / {_SUM}", "1 / (1 + np.exp(-x))")),
    _mlp(
        "softmax-logarithm",
        {ACTIVATIONS},
        "log-probabilities",
        (f"exponentials / {_SUM}", f"np.log(exponentials / {_SUM})"),
    ),
    _mlp(
        "softmax-temperature",
        {ACTIVATIONS},
        "squares the odds",
        (_EXPONENTIALS, "np.exp(2 * (x - x.max(axis=1, keepdims=True)))"),
    ),
]

_Z1 = "self.z1 = X @ self.W1.T + self.b1"
_A1 = "self.a1 = self.relu(self.z1)"
_Z2 = "self.z2 = self.a1 @ self.W2.T + self.b2"
_A2 = "self.a2 = self.softmax(self.z2)"
_FORWARD = [
    _mlp("forward-no-hidden-bias", {FORWARD}, "b1 is forgotten", (_Z1, "self.z1 = X @ self.W1.T")),
    _mlp("forward-no-output-bias", {FORWARD}, "b2 is forgotten", (_Z2, "self.z2 = self.a1 @ self.W2.T")),
    _mlp("forward-bias-subtracted", {FORWARD}, "a sign slipped", (_Z2, "self.z2 = self.a1 @ self.W2.T - self.b2")),
    _mlp(
        "forward-relu-on-logits",
        {FORWARD},
        "ReLU on both layers",
        (_Z2, "self.z2 = self.relu(self.a1 @ self.W2.T + self.b2)"),
    ),
    _mlp("forward-no-relu", {FORWARD}, "two linear layers", (_A1, "self.a1 = self.z1")),
    _mlp("forward-sigmoid", {FORWARD}, "sigmoid for ReLU", (_A1, "self.a1 = 1 / (1 + np.exp(-self.z1))")),
    _mlp("forward-tanh", {FORWARD}, "tanh for ReLU", (_A1, "self.a1 = np.tanh(self.z1)")),
    _mlp(
        "forward-logits",
        {FORWARD},
        "logits for probabilities",
        ("        return self.a2\n", "        return self.z2\n"),
    ),
    _mlp(
        "forward-a2-holds-logits",
        {FORWARD},
        "the right answer, but what is kept is not: backward repairs it for itself",
        (_A2, "self.a2 = self.z2"),
        ("        return self.a2\n", "        return self.softmax(self.z2)\n"),
        ("delta2 = self.a2.copy()", "delta2 = self.softmax(self.z2)"),
    ),
    _mlp(
        "forward-z2-not-kept",
        {FORWARD},
        "a local variable",
        (_Z2, "z2 = self.a1 @ self.W2.T + self.b2"),
        (_A2, "self.a2 = self.softmax(z2)"),
    ),
    _mlp(
        "forward-z1-overwritten",
        {FORWARD},
        "ReLU in place: z1 becomes a1",
        (_A1, "self.a1 = np.maximum(self.z1, 0, out=self.z1)"),
    ),
    _mlp("forward-softmax-over-samples", {FORWARD}, "the batch competes", (_A2, "self.a2 = self.softmax(self.z2.T).T")),
    _mlp(
        "forward-softmax-twice",
        {FORWARD},
        "flattened probabilities",
        (_A2, "self.a2 = self.softmax(self.softmax(self.z2))"),
    ),
    _mlp(
        "forward-standardises-batch",
        {FORWARD},
        "an answer that depends on the other rows",
        (_Z1, "self.z1 = (X - X.mean(axis=0)) @ self.W1.T + self.b1"),
    ),
    _mlp(
        "forward-rescales-input",
        {FORWARD},
        "divides scaled data by 255 again",
        (_Z1, "self.z1 = X / 255 @ self.W1.T + self.b1"),
    ),
    _mlp(
        "forward-keeps-in-training-only",
        {FORWARD, BACKWARD, MOMENTUM},
        "nothing is kept unless a flag says so, which only train sets; backward has nothing to use",
        ("def forward(self, X: np.ndarray) -> np.ndarray:", "def forward(self, X, training=False):"),
        (_Z1, "z1 = X @ self.W1.T + self.b1"),
        (_A1, "a1 = self.relu(z1)"),
        (_Z2, "z2 = a1 @ self.W2.T + self.b2"),
        (
            _A2,
            (
                "a2 = self.softmax(z2)\n        "
                "if training:\n            "
                "self.z1, self.a1, self.z2, self.a2 = z1, a1, z2, a2"
            ),
        ),
        ("        return self.a2\n", "        return a2\n"),
        ("self.forward(X_batch)", "self.forward(X_batch, training=True)"),
    ),
]

_PICK = "probability_of_truth = y_pred[np.arange(len(y_true)), y_true]"
_MEAN = "return float(-np.log(probability_of_truth + 1e-8).mean())"
_LOSS = [
    _mlp(
        "loss-sum", {LOSS}, "a sum over the batch", (_MEAN, "return float(-np.log(probability_of_truth + 1e-8).sum())")
    ),
    _mlp(
        "loss-no-epsilon", {LOSS}, "infinite at probability 0", ("probability_of_truth + 1e-8", "probability_of_truth")
    ),
    _mlp(
        "loss-epsilon-outside",
        {LOSS},
        "ε added to the logarithm",
        (_MEAN, "return float((-np.log(probability_of_truth) + 1e-8).mean())"),
    ),
    _mlp("loss-large-epsilon", {LOSS}, "0.1 is no ε", ("probability_of_truth + 1e-8", "probability_of_truth + 1e-1")),
    _mlp("loss-no-minus", {LOSS}, "negative loss", ("-np.log(probability_of_truth", "np.log(probability_of_truth")),
    _mlp("loss-decimal-logarithm", {LOSS}, "log10", ("-np.log(probability_of_truth", "-np.log10(probability_of_truth")),
    _mlp(
        "loss-crossed-indices",
        {LOSS},
        "every sample with every label",
        (_PICK, "probability_of_truth = y_pred[:, y_true]"),
    ),
    _mlp("loss-of-the-guess", {LOSS}, "ignores the labels", (_PICK, "probability_of_truth = y_pred.max(axis=1)")),
    _mlp(
        "loss-mean-of-all-entries",
        {LOSS},
        "divides by samples × classes",
        (_MEAN, "return float(-np.mean(np.eye(y_pred.shape[1])[y_true] * np.log(y_pred + 1e-8)))"),
    ),
    _mlp(
        "loss-squared-error", {LOSS}, "another loss", (_MEAN, "return float(np.mean((1 - probability_of_truth) ** 2))")
    ),
    _mlp(
        "loss-binary",
        {LOSS},
        "adds the other classes as in ten yes-no questions",
        (
            _MEAN,
            "truth = np.eye(y_pred.shape[1])[y_true]\n"
            "        terms = truth * np.log(y_pred + 1e-8) + (1 - truth) * np.log(1 - y_pred + 1e-8)\n"
            "        return float(-terms.sum(axis=1).mean())",
        ),
    ),
    _mlp(
        "loss-fixed-batch",
        {LOSS},
        "128 typed in",
        (_MEAN, "return float(-np.log(probability_of_truth + 1e-8).sum() / 128)"),
    ),
    _mlp(
        "loss-first-sample",
        {LOSS},
        "only one sample counts",
        (_MEAN, "return float(-np.log(probability_of_truth[0] + 1e-8))"),
    ),
    _mlp(
        "loss-labels-from-one",
        {LOSS},
        "the neighbour's probability",
        (_PICK, "probability_of_truth = y_pred[np.arange(len(y_true)), y_true - 1]"),
    ),
    _mlp(
        "loss-softmax-again",
        {LOSS},
        "takes probabilities for logits",
        (_PICK, "probability_of_truth = self.softmax(y_pred)[np.arange(len(y_true)), y_true]"),
    ),
]

_SCALE = "delta2 /= n_samples"
_DELTA1 = "delta1 = (delta2 @ self.W2) * self.relu_derivative(self.z1)"
_MINUS_TRUTH = "delta2[np.arange(n_samples), y_true] -= 1"
_VELOCITY = 'velocity = momentum * getattr(self, "v" + name) - self.learning_rate * gradient'
_STORE = 'setattr(self, "v" + name, velocity)'
_STEP = "setattr(self, name, getattr(self, name) + velocity)"
_BACKWARD = [
    _mlp("backward-sum", {BACKWARD}, "no 1/n", (_SCALE, "delta2 /= 1")),
    _mlp("backward-fixed-batch", {BACKWARD}, "128 typed in", (_SCALE, "delta2 /= 128")),
    _mlp("backward-mean-of-classes", {BACKWARD}, "divides by ten, not by n", (_SCALE, "delta2 /= delta2.shape[1]")),
    _mlp(
        "backward-bias-sums",
        {BACKWARD},
        "weights averaged, biases summed",
        ("delta1.sum(axis=0)", "delta1.sum(axis=0) * n_samples"),
        ("delta2.sum(axis=0)", "delta2.sum(axis=0) * n_samples"),
    ),
    _mlp(
        "backward-mean-twice",
        {BACKWARD},
        "1/n in the blame and again in the weights",
        ("delta1.T @ X", "delta1.T @ X / n_samples"),
        ("delta2.T @ self.a1", "delta2.T @ self.a1 / n_samples"),
    ),
    _mlp(
        "backward-mask-of-blame",
        {BACKWARD},
        "the gate looks at the blame",
        (_DELTA1, "delta1 = self.relu(delta2 @ self.W2)"),
    ),
    _mlp("backward-no-mask", {BACKWARD}, "the gate is forgotten", (_DELTA1, "delta1 = delta2 @ self.W2")),
    _mlp(
        "backward-mask-by-value",
        {BACKWARD},
        "times a1 for times 1[z1 > 0]",
        (_DELTA1, "delta1 = (delta2 @ self.W2) * self.a1"),
    ),
    _mlp(
        "backward-mask-inverted",
        {BACKWARD},
        "lets the silent units learn",
        (_DELTA1, "delta1 = (delta2 @ self.W2) * (1 - self.relu_derivative(self.z1))"),
    ),
    _mlp(
        "backward-mask-of-a-sigmoid",
        {BACKWARD},
        "a(1 − a), from another tutorial",
        (_DELTA1, "delta1 = (delta2 @ self.W2) * self.a1 * (1 - self.a1)"),
    ),
    _mlp(
        "backward-updated-output-weights",
        {BACKWARD},
        "the hidden blame goes through W2 after its update",
        (
            _DELTA1,
            "self.vW2 = momentum * self.vW2 - self.learning_rate * (delta2.T @ self.a1)\n"
            "        self.W2 = self.W2 + self.vW2\n"
            "        delta1 = (delta2 @ self.W2) * self.relu_derivative(self.z1)",
        ),
        ('            "W2": delta2.T @ self.a1,\n', ""),
    ),
    _mlp("backward-uphill", {BACKWARD}, "y − ŷ", (_SCALE, "delta2 /= -n_samples")),
    _mlp("backward-no-truth", {BACKWARD}, "the labels are not subtracted", (_MINUS_TRUTH, "pass")),
    _mlp(
        "backward-labels-from-one",
        {BACKWARD},
        "subtracts at the neighbour",
        (_MINUS_TRUTH, "delta2[np.arange(n_samples), y_true - 1] -= 1"),
    ),
    _mlp(
        "backward-crossed-indices", {BACKWARD}, "subtracts in whole columns", (_MINUS_TRUTH, "delta2[:, y_true] -= 1")
    ),
    _mlp(
        "backward-softmax-derivative-again",
        {BACKWARD},
        "times ŷ(1 − ŷ), as for a squared error",
        (_SCALE, "delta2 *= self.a2 * (1 - self.a2) / n_samples"),
    ),
    _mlp("backward-squared-error", {BACKWARD}, "factor two", (_SCALE, "delta2 *= 2 / n_samples")),
    _mlp("backward-bias-one-number", {BACKWARD}, "sum over all axes", ("delta2.sum(axis=0)", "delta2.sum()")),
    _mlp(
        "backward-bias-wrong-axis",
        {BACKWARD},
        "a sum over the classes, whose shape fits batches of one alone: backward raises for others",
        ("delta2.sum(axis=0)", "delta2.sum(axis=1)"),
    ),
    _mlp(
        "backward-one-hot-labels",
        {BACKWARD, MOMENTUM},
        "takes the labels for one-hot rows: backward raises",
        (_MINUS_TRUTH, "delta2 -= np.asarray(y_true).reshape(n_samples, len(self.b2))"),
    ),
    _mlp(
        "backward-hidden-bias-forgotten",
        {BACKWARD},
        "b1 stays at zero",
        ('            "b1": delta1.sum(axis=0),\n', ""),
    ),
    _mlp("backward-before-the-relu", {BACKWARD}, "z1 where a1 belongs", ("delta2.T @ self.a1", "delta2.T @ self.z1")),
    _mlp(
        "backward-rate-typed-in",
        {BACKWARD},
        "0.01 whatever the argument was",
        ("self.learning_rate * gradient", "0.01 * gradient"),
    ),
    _mlp("backward-no-rate", {BACKWARD}, "a step of the whole gradient", ("self.learning_rate * gradient", "gradient")),
    _mlp(
        "backward-weight-decay",
        {BACKWARD},
        "a penalty nobody asked for",
        ("self.learning_rate * gradient", "self.learning_rate * (gradient + 0.01 * getattr(self, name))"),
    ),
    _mlp(
        "backward-sign-of-gradient",
        {BACKWARD},
        "keeps the direction only",
        ("self.learning_rate * gradient", "self.learning_rate * np.sign(gradient)"),
    ),
    _mlp(
        "backward-normalised-gradient",
        {BACKWARD},
        "steps of equal length",
        ("self.learning_rate * gradient", "self.learning_rate * gradient / (np.linalg.norm(gradient) + 1e-8)"),
    ),
]

_MOMENTUM = [
    _mlp(
        "momentum-ignored",
        {MOMENTUM},
        "plain gradient descent",
        (_VELOCITY, "velocity = -self.learning_rate * gradient"),
    ),
    _mlp(
        "momentum-typed-in",
        {MOMENTUM},
        "0.9 whatever the argument says",
        ('momentum * getattr(self, "v"', '0.9 * getattr(self, "v"'),
    ),
    _mlp(
        "momentum-wrong-sign", {MOMENTUM}, "brakes", ('momentum * getattr(self, "v"', '-momentum * getattr(self, "v"')
    ),
    _mlp(
        "momentum-squared", {MOMENTUM}, "μ twice", ('momentum * getattr(self, "v"', 'momentum**2 * getattr(self, "v"')
    ),
    _mlp(
        "momentum-undamped",
        {MOMENTUM},
        "velocities add up without forgetting, unless μ is 0",
        ('momentum * getattr(self, "v"', '(momentum > 0) * getattr(self, "v"'),
    ),
    _mlp(
        "momentum-average",
        {MOMENTUM},
        "(1 − μ) shortens every step",
        (_VELOCITY, _VELOCITY.replace("self.learning", "(1 - momentum) * self.learning")),
    ),
    _mlp("momentum-not-stored", {MOMENTUM}, "forgotten after the step", (_STORE, "pass")),
    _mlp(
        "momentum-last-gradient-only",
        {MOMENTUM},
        "remembers one step, not all",
        (_STORE, 'setattr(self, "v" + name, -self.learning_rate * gradient)'),
    ),
    _mlp(
        "momentum-nesterov",
        {MOMENTUM},
        "looks ahead",
        (_STEP, "setattr(self, name, getattr(self, name) + momentum * velocity - self.learning_rate * gradient)"),
    ),
    _mlp(
        "momentum-weights-only",
        {MOMENTUM},
        "biases go without",
        (_VELOCITY, 'velocity = momentum * getattr(self, "v" + name) * ("W" in name) - self.learning_rate * gradient'),
    ),
    _mlp(
        "momentum-first-layer-forgotten",
        {MOMENTUM},
        "W1 steps plainly",
        (_VELOCITY, 'velocity = momentum * getattr(self, "v" + name) * (name != "W1") - self.learning_rate * gradient'),
    ),
    _mlp(
        "momentum-times-rate",
        {MOMENTUM},
        "the old velocity is multiplied with η again",
        ('momentum * getattr(self, "v"', 'self.learning_rate * momentum * getattr(self, "v"'),
    ),
]

_ORDER = "order = self.rng.permutation(len(X_train))"
_LOOP = "for start in range(0, len(order), batch_size):"
_BATCH = "batch = order[start : start + batch_size]"
_ROWS = "X_batch, y_batch = X_train[batch], y_train[batch]"
_EPOCHS = "for _ in range(epochs):"
_ACCURACY = "val_accuracies.append(float(np.mean(self.predict(X_val) == y_val)))"
_LISTS = "train_losses, val_accuracies = [], []"
_CALL = "                self.backward(X_batch, y_batch)\n"
_TRAIN = [
    _mlp(
        "train-batches-in-another-order",
        {TRAIN},
        "the same samples meet in each epoch",
        ("for start in range(0, len(order), batch_size):", "for start in order[order % batch_size == 0]:"),
        ("batch = order[start : start + batch_size]", "batch = np.arange(len(order))[start : start + batch_size]"),
    ),
    _mlp(
        "train-validation-too",
        {TRAIN},
        "learns the validation data as well",
        (
            _LISTS,
            f"{_LISTS}\n        X_train, y_train = np.concatenate([X_train, X_val]), np.concatenate([y_train, y_val])",
        ),
    ),
    _mlp(
        "train-on-validation",
        {TRAIN},
        "learns the validation data instead",
        (_LISTS, f"{_LISTS}\n        X_train, y_train = X_val, y_val"),
    ),
    _mlp(
        "train-images-without-labels",
        {TRAIN},
        "shuffles X only",
        (_ROWS, "X_batch, y_batch = X_train[batch], y_train[start : start + batch_size]"),
    ),
    _mlp(
        "train-two-permutations",
        {TRAIN},
        "X and y shuffled apart",
        (_ORDER, f"{_ORDER}\n            y_train = self.rng.permutation(y_train)"),
    ),
    _mlp(
        "train-last-batch-dropped",
        {TRAIN},
        "only full batches",
        (_LOOP, "for start in range(0, len(order) - batch_size + 1, batch_size):"),
    ),
    _mlp(
        "train-floor-of-batches",
        {TRAIN},
        "n // batch_size batches",
        (_LOOP, "for start in range(0, len(order) // batch_size * batch_size, batch_size):"),
    ),
    _mlp("train-not-shuffled", {TRAIN}, "always in the given order", (_ORDER, "order = np.arange(len(X_train))")),
    _mlp(
        "train-shuffled-once",
        {TRAIN},
        "one order for all epochs",
        (f"            {_ORDER}\n", ""),
        (_LISTS, f"{_LISTS}\n        {_ORDER}"),
    ),
    _mlp(
        "train-same-order",
        {TRAIN},
        "reseeds each epoch",
        (_ORDER, "order = np.random.default_rng(0).permutation(len(X_train))"),
    ),
    _mlp(
        "train-shuffles-in-place",
        {TRAIN},
        "the caller's arrays come back in another order",
        (
            _ORDER,
            "state = self.rng.bit_generator.state\n"
            "            self.rng.shuffle(X_train)\n"
            "            self.rng.bit_generator.state = state\n"
            "            self.rng.shuffle(y_train)\n"
            "            order = np.arange(len(X_train))",
        ),
    ),
    _mlp(
        "train-assigns-into-arguments",
        {TRAIN},
        "X_train[:] = X_train[order]",
        (_ORDER, f"{_ORDER}\n            X_train[:], y_train[:] = X_train[order], y_train[order]"),
    ),
    _mlp(
        "train-rescales-in-place",
        {TRAIN},
        "changes the given data",
        (_LISTS, f"{_LISTS}\n        X_train -= X_train.mean(axis=0)"),
    ),
    _mlp(
        "train-with-replacement",
        {TRAIN},
        "some samples twice, some never",
        (_ORDER, "order = self.rng.integers(len(X_train), size=len(X_train))"),
    ),
    _mlp("train-one-batch", {TRAIN}, "one random batch an epoch", (_ORDER, f"{_ORDER}[:batch_size]")),
    _mlp(
        "train-slice-off-by-one",
        {TRAIN},
        "each batch misses one",
        (_BATCH, "batch = order[start : start + batch_size - 1]"),
    ),
    _mlp(
        "train-overlapping-batches",
        {TRAIN},
        "each batch takes one too many",
        (_BATCH, "batch = order[start : start + batch_size + 1]"),
    ),
    _mlp(
        "train-batch-size-typed-in",
        {TRAIN},
        "32 whatever the argument says",
        (_LOOP, "for start in range(0, len(order), 32):"),
        (_BATCH, "batch = order[start : start + 32]"),
    ),
    _mlp(
        "train-training-accuracy",
        {TRAIN},
        "measured on the training data",
        (_ACCURACY, "val_accuracies.append(float(np.mean(self.predict(X_train) == y_train)))"),
    ),
    _mlp(
        "train-accuracy-in-percent",
        {TRAIN},
        "97 for 0.97",
        (_ACCURACY, "val_accuracies.append(100 * float(np.mean(self.predict(X_val) == y_val)))"),
    ),
    _mlp(
        "train-counts-hits",
        {TRAIN},
        "a sum for a mean",
        (_ACCURACY, "val_accuracies.append(int(np.sum(self.predict(X_val) == y_val)))"),
    ),
    _mlp(
        "train-error-for-accuracy",
        {TRAIN},
        "share of mistakes",
        (_ACCURACY, "val_accuracies.append(float(np.mean(self.predict(X_val) != y_val)))"),
    ),
    _mlp(
        "train-validation-loss",
        {TRAIN},
        "loss for accuracy",
        (_ACCURACY, "val_accuracies.append(self.compute_loss(self.forward(X_val), y_val))"),
    ),
    _mlp(
        "train-accuracy-before-the-epoch",
        {TRAIN},
        "one epoch late",
        (f"            {_ACCURACY}\n", ""),
        (_ORDER, f"{_ACCURACY}\n            {_ORDER}"),
    ),
    _mlp(
        "train-history-of-batches",
        {TRAIN},
        "a loss a batch",
        ("            train_losses.append(total_loss", "                train_losses.append(total_loss"),
    ),
    _mlp("train-epochs-typed-in", {TRAIN}, "ten whatever the argument says", (_EPOCHS, "for _ in range(10):")),
    _mlp("train-extra-epoch", {TRAIN}, "counts from zero to epochs", (_EPOCHS, "for _ in range(epochs + 1):")),
    _mlp(
        "train-histories-swapped",
        {TRAIN},
        "accuracies first",
        ("return train_losses, val_accuracies", "return val_accuracies, train_losses"),
    ),
    _mlp("train-one-history", {TRAIN}, "losses only", ("return train_losses, val_accuracies", "return train_losses")),
    _mlp(
        "train-returns-after-one-epoch",
        {TRAIN},
        "return inside the loop",
        ("        return train_losses, val_accuracies", "            return train_losses, val_accuracies"),
    ),
    _mlp(
        "train-returns-last-values",
        {TRAIN},
        "two numbers for two histories",
        ("return train_losses, val_accuracies", "return train_losses[-1], val_accuracies[-1]"),
    ),
    _mlp("train-never-steps", {TRAIN}, "backward is not called", (_CALL, "")),
    _mlp(
        "train-steps-once-an-epoch",
        {TRAIN},
        "backward behind the inner loop",
        (_CALL, "            self.backward(X_batch, y_batch)\n"),
    ),
    _mlp("train-two-steps-a-batch", {TRAIN}, "backward is called twice", (_CALL, _CALL + _CALL)),
    _mlp(
        "train-whole-set-forward",
        {TRAIN},
        "activations of all images, gradients of a batch",
        ("self.compute_loss(self.forward(X_batch), y_batch)", "self.compute_loss(self.forward(X_train), y_train)"),
    ),
    _mlp(
        "train-unseeded-order",
        {TRAIN},
        "the seed does not decide the order",
        (_ORDER, "order = np.random.default_rng().permutation(len(X_train))"),
    ),
    _mlp(
        "train-starts-over",
        {TRAIN},
        "new weights at each epoch",
        (
            _ORDER,
            f"{_ORDER}\n            self.W1 = self._he(*self.W1.shape)\n            self.W2 = self._he(*self.W2.shape)",
        ),
    ),
]

_ARGMAX = "return self.forward(X).argmax(axis=1)"
_PREDICT = [
    _mlp("predict-largest-probability", {PREDICT}, "max for argmax", (_ARGMAX, "return self.forward(X).max(axis=1)")),
    _mlp("predict-over-samples", {PREDICT}, "the wrong axis", (_ARGMAX, "return self.forward(X).argmax(axis=0)")),
    _mlp("predict-probabilities", {PREDICT}, "no choice made", (_ARGMAX, "return self.forward(X)")),
    _mlp(
        "predict-from-one",
        {PREDICT},
        "classes counted from one",
        (_ARGMAX, "return self.forward(X).argmax(axis=1) + 1"),
    ),
    _mlp(
        "predict-one-hot",
        {PREDICT},
        "rows of zeros and a one",
        (_ARGMAX, "p = self.forward(X)\n        return np.eye(p.shape[1], dtype=int)[p.argmax(axis=1)]"),
    ),
    _mlp("predict-floats", {PREDICT}, "3.0 for 3", (_ARGMAX, "return self.forward(X).argmax(axis=1).astype(float)")),
    _mlp("predict-least-probable", {PREDICT}, "argmin", (_ARGMAX, "return self.forward(X).argmin(axis=1)")),
    _mlp("predict-one-number", {PREDICT}, "argmax of the whole batch", (_ARGMAX, "return self.forward(X).argmax()")),
    _mlp(
        "predict-threshold",
        {PREDICT},
        "class 0 where none is above a half",
        (_ARGMAX, "return (self.forward(X) > 0.5).argmax(axis=1)"),
    ),
    _mlp("predict-column", {PREDICT}, "shape (n, 1)", (_ARGMAX, "return self.forward(X).argmax(axis=1)[:, None]")),
    _mlp(
        "predict-hidden-unit",
        {PREDICT},
        "the most active hidden unit",
        (_ARGMAX, "self.forward(X)\n        return self.a1.argmax(axis=1)"),
    ),
    _mlp(
        "predict-stale",
        {PREDICT},
        "answers for the batch before",
        (
            _ARGMAX,
            (
                'answer = self.a2.argmax(axis=1) if hasattr(self, "a2") else None\n        '
                "self.forward(X)\n        "
                "return answer"
            ),
        ),
    ),
]

_NEW = "network = MLPFromScratch(seed=42)"
_TRAINING = "network.train(X_train, y_train, X_val, y_val, epochs, batch_size)"
_STUDY = [
    _study(
        "study-one-network",
        {STUDY},
        "goes on with the last one's weights",
        (f"        {_NEW}\n", ""),
        ("    rows = []", f"    rows = []\n    {_NEW}"),
    ),
    _study("study-first-loss", {STUDY}, "the first epoch's loss", ("losses[-1]", "losses[0]")),
    _study("study-first-accuracy", {STUDY}, "the first epoch's accuracy", ("accuracies[-1]", "accuracies[0]")),
    _study("study-best-accuracy", {STUDY}, "the best of the epochs", ("accuracies[-1]", "max(accuracies)")),
    _study("study-mean-loss", {STUDY}, "the mean of the epochs", ("losses[-1]", "sum(losses) / len(losses)")),
    _study(
        "study-no-index",
        {STUDY},
        "rows 0, 1, 2",
        ('pd.DataFrame(rows, index=pd.Index(batch_sizes, name="batch_size"))', "pd.DataFrame(rows)"),
    ),
    _study(
        "study-epochs-typed-in",
        {STUDY},
        "five whatever the argument says",
        ("y_val, epochs, batch_size", "y_val, 5, batch_size"),
    ),
    _study("study-batch-size-unused", {STUDY}, "always the default", ("epochs, batch_size)", "epochs)")),
    _study("study-arguments-swapped", {STUDY}, "epochs for batch size", ("epochs, batch_size)", "batch_size, epochs)")),
    _study(
        "study-validates-on-training",
        {STUDY},
        "accuracy of the training data",
        ("X_val, y_val, epochs", "X_train, y_train, epochs"),
    ),
    _study("study-on-test-data", {STUDY}, "meets the test set", ("X_val, y_val, epochs", "X_test, y_test, epochs")),
    _study(
        "study-sorted-index",
        {STUDY},
        "rows in one order, index in another",
        ("pd.Index(batch_sizes,", "pd.Index(sorted(batch_sizes),"),
    ),
    _study("study-wrong-columns", {STUDY}, "names of the student's own", ('"val_accuracy"', '"accuracy"')),
    _study(
        "study-columns-swapped",
        {STUDY},
        "loss and accuracy change places",
        (
            '"final_loss": losses[-1], "val_accuracy": accuracies[-1]',
            '"final_loss": accuracies[-1], "val_accuracy": losses[-1]',
        ),
    ),
    _study(
        "study-whole-histories",
        {STUDY},
        "lists in the cells",
        ('losses[-1], "val_accuracy": accuracies[-1]', 'losses, "val_accuracy": accuracies'),
    ),
    _study(
        "study-clock-before-training",
        {STUDY},
        "no time passes",
        (
            f"losses, accuracies = {_TRAINING}\n        seconds = time.perf_counter() - started",
            f"seconds = time.perf_counter() - started\n        losses, accuracies = {_TRAINING}",
        ),
    ),
    _study(
        "study-clock-runs-on",
        {STUDY},
        "started once, before all trainings",
        ("        started = time.perf_counter()\n", ""),
        ("    rows = []", "    rows = []\n    started = time.perf_counter()"),
    ),
    _study(
        "study-returns-list",
        {STUDY},
        "rows without a table",
        ('return pd.DataFrame(rows, index=pd.Index(batch_sizes, name="batch_size"))', "return rows"),
    ),
    _study(
        "study-first-size-only",
        {STUDY},
        "return inside the loop",
        (
            '    return pd.DataFrame(rows, index=pd.Index(batch_sizes, name="batch_size"))',
            "        return pd.DataFrame(rows, index=[batch_size])",
        ),
    ),
]

_SEARCH = 'GridSearchCV(SVC(kernel="rbf"), param_grid, cv=cv, scoring="accuracy").fit(X, y)'
_SVM = [
    _svm("svm-linear", {SVM}, "a straight boundary", ('kernel="rbf"', 'kernel="linear"')),
    _svm("svm-not-fitted", {SVM}, "fit is forgotten", (".fit(X, y)", "")),
    _svm("svm-no-auto", {SVM}, "gamma without auto", ('["scale", "auto", 0.01]', '["scale", 0.01]')),
    _svm("svm-gamma-slip", {SVM}, "0.1 for 0.01", ('"auto", 0.01]', '"auto", 0.1]')),
    _svm("svm-other-costs", {SVM}, "1, 10, 100", ("[0.1, 1, 10]", "[1, 10, 100]")),
    _svm("svm-costs-only", {SVM}, "gamma is not searched", (', "gamma": ["scale", "auto", 0.01]', "")),
    _svm(
        "svm-grid-ignored",
        {SVM},
        "always the default grid",
        ("    if param_grid is None:\n        param_grid", "    param_grid"),
    ),
    _svm("svm-folds-typed-in", {SVM}, "five whatever the argument says", ("cv=cv", "cv=5")),
    _svm("svm-folds-forgotten", {SVM}, "scikit-learn's default", (" cv=cv,", "")),
    _svm("svm-not-refitted", {SVM}, "no best estimator", ('scoring="accuracy"', 'scoring="accuracy", refit=False')),
    _svm("svm-best-estimator", {SVM}, "the model for the search", (".fit(X, y)", ".fit(X, y).best_estimator_")),
    _svm("svm-best-parameters", {SVM}, "a dict for the search", (".fit(X, y)", ".fit(X, y).best_params_")),
    _svm("svm-half-of-the-data", {SVM}, "fits on a part", (".fit(X, y)", ".fit(X[: len(X) // 2], y[: len(y) // 2])")),
    _svm(
        "svm-slices-itself",
        {SVM},
        "takes the first 5,000 itself, so all the data never arrives",
        (".fit(X, y)", ".fit(X[:5000], y[:5000])"),
    ),
    _svm("svm-negative-score", {SVM}, "another measure", ('scoring="accuracy"', 'scoring="neg_mean_squared_error"')),
    _svm("svm-f1", {SVM}, "macro-F1 for accuracy", ('scoring="accuracy"', 'scoring="f1_macro"')),
    _svm(
        "svm-another-model",
        {SVM},
        "no SVM at all",
        (_SEARCH, "GridSearchCV(RandomForestClassifier(n_estimators=5), {'max_depth': [1, 2]}, cv=cv).fit(X, y)"),
    ),
    _svm(
        "svm-notebook-data",
        {SVM},
        "the notebook's arrays for the arguments",
        (".fit(X, y)", ".fit(X_train[:5000], y_train[:5000])"),
    ),
]

_UNIQUE = "self.classes_, positions = np.unique(y, return_inverse=True)"
_FIT = "self.network_.train(X, positions, X, positions, epochs=self.epochs, batch_size=self.batch_size)"
_TRANSLATE = "return self.classes_[self.network_.predict(np.asarray(X))]"
_WRAPPER = [
    _wrapper("wrapper-fit-returns-nothing", {WRAPPER}, "no self", ("        return self\n", "")),
    _wrapper(
        "wrapper-labels-as-they-are",
        {WRAPPER},
        "0 … k−1 taken for granted",
        (_UNIQUE, "self.classes_, positions = np.unique(y), y"),
        (_TRANSLATE, "return self.network_.predict(np.asarray(X))"),
    ),
    _wrapper(
        "wrapper-not-translated",
        {WRAPPER},
        "positions for labels",
        (_TRANSLATE, "return self.network_.predict(np.asarray(X))"),
    ),
    _wrapper(
        "wrapper-ten-classes",
        {WRAPPER},
        "ten outputs, whatever the labels",
        ("n_output=len(self.classes_)", "n_output=10"),
    ),
    _wrapper(
        "wrapper-outputs-by-maximum",
        {WRAPPER},
        "max + 1 outputs on raw labels",
        (_UNIQUE, "self.classes_, positions = np.arange(np.max(y) + 1), np.asarray(y)"),
    ),
    _wrapper("wrapper-784-inputs", {WRAPPER}, "only images of MNIST fit", ("n_input=X.shape[1]", "n_input=784")),
    _wrapper(
        "wrapper-hidden-size-unused", {WRAPPER}, "a setting gets lost", ("            n_hidden=self.hidden_size,\n", "")
    ),
    _wrapper(
        "wrapper-rate-unused", {WRAPPER}, "a setting gets lost", ("            learning_rate=self.learning_rate,\n", "")
    ),
    _wrapper("wrapper-seed-unused", {WRAPPER}, "a setting gets lost", ("            seed=self.random_state,\n", "")),
    _wrapper("wrapper-seed-typed-in", {WRAPPER}, "42 whatever the setting", ("seed=self.random_state", "seed=42")),
    _wrapper("wrapper-epochs-unused", {WRAPPER}, "a setting gets lost", ("epochs=self.epochs, ", "epochs=30, ")),
    _wrapper("wrapper-batch-size-unused", {WRAPPER}, "a setting gets lost", (", batch_size=self.batch_size)", ")")),
    _wrapper(
        "wrapper-arguments-swapped",
        {WRAPPER},
        "epochs for batch size",
        ("epochs=self.epochs, batch_size=self.batch_size", "epochs=self.batch_size, batch_size=self.epochs"),
    ),
    _wrapper(
        "wrapper-renames-a-setting",
        {WRAPPER},
        "get_params finds nothing",
        ("self.hidden_size = hidden_size", "self.n_hidden = hidden_size"),
        ("n_hidden=self.hidden_size", "n_hidden=self.n_hidden"),
    ),
    _wrapper(
        "wrapper-changes-a-setting",
        {WRAPPER},
        "clone compares what __init__ was given",
        ("self.random_state = random_state", "self.random_state = [random_state]"),
        ("seed=self.random_state", "seed=self.random_state[0]"),
    ),
    _wrapper(
        "wrapper-goes-on-training",
        {WRAPPER},
        "a second fit continues with the first one's network",
        (
            "        self.network_ = MLPFromScratch(",
            '        self.network_ = getattr(self, "network_", None) or MLPFromScratch(',
        ),
    ),
    _wrapper(
        "wrapper-holds-rows-out",
        {WRAPPER},
        "a fifth of the rows is not trained on",
        (
            _FIT,
            (
                "n = len(X) * 4 // 5\n        "
                "self.network_.train(X[:n], positions[:n], X[n:], positions[n:], epochs=self.epochs, "
                "batch_size=self.batch_size)"
            ),
        ),
    ),
    _wrapper(
        "wrapper-predicts-probabilities",
        {WRAPPER},
        "forward for predict",
        (_TRANSLATE, "return self.network_.forward(np.asarray(X))"),
    ),
    _wrapper(
        "wrapper-no-base",
        {WRAPPER},
        "no get_params",
        ("class MLPClassifier(ClassifierMixin, BaseEstimator):", "class MLPClassifier(ClassifierMixin):"),
    ),
    _wrapper(
        "wrapper-no-mixin",
        {WRAPPER},
        "no score",
        ("class MLPClassifier(ClassifierMixin, BaseEstimator):", "class MLPClassifier(BaseEstimator):"),
    ),
    _wrapper("wrapper-not-trained", {WRAPPER}, "train is not called", (_FIT, "pass")),
    _wrapper(
        "wrapper-trains-on-first-batch",
        {WRAPPER},
        "only the first rows",
        (
            _FIT,
            "self.network_.train(X[:32], positions[:32], X, positions, epochs=self.epochs, batch_size=self.batch_size)",
        ),
    ),
    _wrapper(
        "wrapper-score-in-percent",
        {WRAPPER},
        "a score of its own",
        (
            "    def predict(self,",
            (
                "    def score(self, X, y):\n        "
                "return 100 * accuracy_score(y, self.predict(X))\n"
                "\n    "
                "def predict(self,"
            ),
        ),
    ),
]

_F1 = 'f1_score(y_test, y_pred, average="macro")'
_TABLE = 'pd.DataFrame.from_dict(rows, orient="index")'
_COMPARE = [
    _compare("compare-micro-f1", {COMPARE}, "accuracy by another name", ('average="macro"', 'average="micro"')),
    _compare("compare-weighted-f1", {COMPARE}, "rare classes count less", ('average="macro"', 'average="weighted"')),
    _compare("compare-binary-f1", {COMPARE}, "raises for more than two classes", (', average="macro"', "")),
    _compare(
        "compare-on-training-data",
        {COMPARE},
        "judged on what was learnt",
        ("y_pred = model.predict(X_test)", "y_pred = model.predict(X_train)"),
        ("accuracy_score(y_test, y_pred)", "accuracy_score(y_train, y_pred)"),
        (_F1, 'f1_score(y_train, y_pred, average="macro")'),
    ),
    _compare(
        "compare-fits-on-test-data",
        {COMPARE},
        "learns what it is judged on",
        ("model.fit(X_train, y_train)", "model.fit(X_test, y_test)"),
    ),
    _compare(
        "compare-fits-on-everything",
        {COMPARE},
        "training and test data",
        (
            "model.fit(X_train, y_train)",
            "model.fit(np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test]))",
        ),
    ),
    _compare("compare-not-fitted", {COMPARE}, "predicts unfitted", ("model.fit(X_train, y_train)", "pass")),
    _compare(
        "compare-clone-thrown-away",
        {COMPARE},
        "fits a clone, asks the original",
        ("model.fit(X_train, y_train)", "clone(model).fit(X_train, y_train)"),
    ),
    _compare(
        "compare-fit-with-predict",
        {COMPARE},
        "fit_seconds spans both",
        ("fitted - started", "time.perf_counter() - started"),
    ),
    _compare(
        "compare-predict-with-fit",
        {COMPARE},
        "predict_seconds spans both",
        ("predicted - fitted", "predicted - started"),
    ),
    _compare(
        "compare-clock-not-stopped",
        {COMPARE},
        "fit_seconds is zero",
        (
            "        model.fit(X_train, y_train)\n        fitted = time.perf_counter()\n",
            "        fitted = time.perf_counter()\n        model.fit(X_train, y_train)\n",
        ),
    ),
    _compare(
        "compare-milliseconds",
        {COMPARE},
        "a thousand times too much",
        ("fitted - started", "1000 * (fitted - started)"),
        ("predicted - fitted", "1000 * (predicted - fitted)"),
    ),
    _compare(
        "compare-per-sample",
        {COMPARE},
        "seconds a sample",
        ("predicted - fitted", "(predicted - fitted) / len(X_test)"),
    ),
    _compare(
        "compare-predicts-twice",
        {COMPARE},
        "score and predict in one span",
        ("y_pred = model.predict(X_test)", "y_pred = model.predict(X_test)\n        model.score(X_test, y_test)"),
    ),
    _compare(
        "compare-predicts-training-data",
        {COMPARE},
        "a second prediction in the span",
        ("y_pred = model.predict(X_test)", "y_pred = model.predict(X_test)\n        model.predict(X_train)"),
    ),
    _compare(
        "compare-processor-time",
        {COMPARE},
        "waiting does not count",
        ("started = time.perf_counter()", "started = time.process_time()"),
        ("fitted = time.perf_counter()", "fitted = time.process_time()"),
        ("predicted = time.perf_counter()", "predicted = time.process_time()"),
    ),
    _compare(
        "compare-times-swapped",
        {COMPARE},
        "each under the other's name",
        ('"fit_seconds"', '"_"'),
        ('"predict_seconds"', '"fit_seconds"'),
        ('"_"', '"predict_seconds"'),
    ),
    _compare(
        "compare-scores-swapped",
        {COMPARE},
        "each under the other's name",
        ('"accuracy"', '"_"'),
        ('"macro_f1"', '"accuracy"'),
        ('"_"', '"macro_f1"'),
    ),
    _compare("compare-names-as-column", {COMPARE}, "rows 0, 1, 2", (_TABLE, f'{_TABLE}.reset_index(names="model")')),
    _compare("compare-transposed", {COMPARE}, "a column a model", (_TABLE, "pd.DataFrame(rows)")),
    _compare(
        "compare-in-percent",
        {COMPARE},
        "97 for 0.97",
        ("accuracy_score(y_test, y_pred)", "100 * accuracy_score(y_test, y_pred)"),
    ),
    _compare(
        "compare-first-model-only",
        {COMPARE},
        "return inside the loop",
        (f"    return {_TABLE}", f"        return {_TABLE}"),
    ),
    _compare(
        "compare-missing-column",
        {COMPARE},
        "no predict_seconds",
        ('            "predict_seconds": predicted - fitted,\n', ""),
    ),
    _compare(
        "compare-f1-of-training-labels",
        {COMPARE},
        "over classes of the training set as well",
        (_F1, 'f1_score(y_test, y_pred, average="macro", labels=[0, 1])'),
    ),
]

_SPLITTER = "StratifiedKFold(n_splits=k, shuffle=True, random_state=42)"
_FOLDS = [
    _folds("folds-not-shuffled", {FOLDS}, "in the given order", (_SPLITTER, "StratifiedKFold(n_splits=k)")),
    _folds(
        "folds-not-stratified",
        {FOLDS},
        "plain shuffled folds",
        (
            "    folds = " + _SPLITTER,
            "    from sklearn.model_selection import KFold\n\n    folds = KFold(k, shuffle=True, random_state=42)",
        ),
    ),
    _folds(
        "folds-may-overlap",
        {FOLDS},
        "k random splits: some samples twice, some never",
        (
            "    folds = " + _SPLITTER,
            "    from sklearn.model_selection import StratifiedShuffleSplit\n\n"
            "    folds = StratifiedShuffleSplit(k, test_size=1 / k, random_state=42)",
        ),
    ),
    _folds("folds-no-clone", {FOLDS}, "fits the given model", ("clone(model).fit", "model.fit")),
    _folds(
        "folds-one-clone",
        {FOLDS},
        "one clone for all folds",
        ("    scores = [", "    copied = clone(model)\n    scores = ["),
        ("clone(model).fit", "copied.fit"),
    ),
    _folds(
        "folds-score-of-training",
        {FOLDS},
        "on what was learnt",
        (".score(X[held_out], y[held_out])", ".score(X[train], y[train])"),
    ),
    _folds("folds-swapped", {FOLDS}, "learns the small part", ("for train, held_out in", "for held_out, train in")),
    _folds("folds-all-data", {FOLDS}, "the held-out part is learnt too", (".fit(X[train], y[train])", ".fit(X, y)")),
    _folds("folds-variance", {FOLDS}, "variance for deviation", ("np.std(scores)", "np.var(scores)")),
    _folds("folds-standard-error", {FOLDS}, "deviation of the mean", ("np.std(scores)", "np.std(scores) / np.sqrt(k)")),
    _folds("folds-typed-in", {FOLDS}, "five whatever the argument says", ("n_splits=k", "n_splits=5")),
    _folds("folds-median", {FOLDS}, "median for mean", ("np.mean(scores)", "np.median(scores)")),
    _folds("folds-best", {FOLDS}, "the best fold", ("np.mean(scores)", "np.max(scores)")),
    _folds("folds-error", {FOLDS}, "share of mistakes", ("np.mean(scores)", "1 - np.mean(scores)")),
    _folds(
        "folds-list", {FOLDS}, "all scores", ("return float(np.mean(scores)), float(np.std(scores))", "return scores")
    ),
    _folds(
        "folds-mean-only",
        {FOLDS},
        "no spread",
        ("return float(np.mean(scores)), float(np.std(scores))", "return float(np.mean(scores))"),
    ),
    _folds(
        "folds-swapped-answers",
        {FOLDS},
        "deviation first",
        ("float(np.mean(scores)), float(np.std(scores))", "float(np.std(scores)), float(np.mean(scores))"),
    ),
    _folds(
        "folds-scaled-before",
        {FOLDS},
        "a scaler fitted outside the folds",
        ("    folds = ", "    X = StandardScaler().fit_transform(X)\n    folds = "),
    ),
]

_LOGISTIC = "LogisticRegression(max_iter=1000)"
_FOREST = "RandomForestClassifier(n_estimators=200, random_state=random_state)"
_BASELINES = [
    _baselines("baselines-default-trees", {BASELINES}, "100 trees", ("n_estimators=200, ", "")),
    _baselines("baselines-no-seed", {BASELINES}, "random_state reaches nothing", (", random_state=random_state", "")),
    _baselines(
        "baselines-seed-typed-in",
        {BASELINES},
        "42 whatever the argument says",
        ("random_state=random_state", "random_state=42"),
    ),
    _baselines(
        "baselines-classes",
        {BASELINES},
        "classes for objects",
        (_LOGISTIC, "LogisticRegression"),
        (_FOREST, "RandomForestClassifier"),
    ),
    _baselines(
        "baselines-one-only", {BASELINES}, "the forest is missing", (f'        "random forest": {_FOREST},\n', "")
    ),
    _baselines("baselines-svm-for-logistic", {BASELINES}, "another model", (_LOGISTIC, 'SVC(kernel="linear")')),
    _baselines(
        "baselines-linear-regression",
        {BASELINES},
        "a regression of numbers",
        (_LOGISTIC, '__import__("sklearn.linear_model").linear_model.LinearRegression()'),
    ),
    _baselines(
        "baselines-single-tree",
        {BASELINES},
        "a tree for a forest",
        (_FOREST, '__import__("sklearn.tree").tree.DecisionTreeClassifier(random_state=random_state)'),
    ),
    _baselines(
        "baselines-forest-regressor",
        {BASELINES},
        "regression for classification",
        (
            _FOREST,
            (
                '__import__("sklearn.ensemble").ensemble.RandomForestRegressor(n_estimators=200, '
                "random_state=random_state)"
            ),
        ),
    ),
    _baselines(
        "baselines-depth-for-trees", {BASELINES}, "200 levels, 100 trees", ("n_estimators=200", "max_depth=200")
    ),
]

MUTANTS: list[Mutant] = [
    *_INIT,
    *_ACTIVATIONS,
    *_FORWARD,
    *_LOSS,
    *_BACKWARD,
    *_MOMENTUM,
    *_TRAIN,
    *_PREDICT,
    *_STUDY,
    *_SVM,
    *_WRAPPER,
    *_COMPARE,
    *_FOLDS,
    *_BASELINES,
]

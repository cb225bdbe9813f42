"""The exams of the two networks: their layers, and what they answer with the weights that they have.

A network is judged by its own weights, read from it: a trusted computation in float64 uses them in the order that the
task states. Names and order of definition of its layers are free.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.handle import Ref, Student, items, value
from grading.judge import Fail, array, close, ok


@dataclass(frozen=True)
class Layers:
    """Parameters of a network: (weight, bias or None) of convolutions and of linear layers, in the order of use."""

    convolutions: list[tuple[np.ndarray, np.ndarray | None]]
    linear: list[tuple[np.ndarray, np.ndarray | None]]
    n_parameters: int
    n_trainable: int


def read_layers(model: Ref) -> Layers:
    """Read the parameters of a network; the bias of a layer is the first one of its length that is left."""
    tensors = items(model.parameters(), 60)
    hint = "build the layers in __init__ and keep them as attributes"
    ok(bool(tensors), expected="a network with parameters", came="none", hint=hint)
    arrays = [array(tensor, "a parameter", hint="a lazy layer needs a first batch") for tensor in tensors]
    vectors = [values for values in arrays if values.ndim == 1]
    layers: dict[int, list[tuple[np.ndarray, np.ndarray | None]]] = {4: [], 2: []}
    for weight in arrays:
        if weight.ndim in layers:
            at = next((i for i, bias in enumerate(vectors) if len(bias) == len(weight)), None)
            layers[weight.ndim].append((weight, None if at is None else vectors.pop(at)))
    trainable = sum(values.size for values, tensor in zip(arrays, tensors, strict=True) if _is_trainable(tensor))
    return Layers(
        sorted(layers[4], key=lambda layer: layer[0].shape[1]),
        chain(layers[2], [weight.shape for weight, _ in layers[2]]),
        sum(values.size for values in arrays),
        trainable,
    )


def chain(layers: list[Any], shapes: list[tuple[int, ...]]) -> list[Any]:
    """Return the linear layers that lead to the one with 10 outputs, each the one whose outputs the next takes in."""
    found: list[int] = []
    wanted = 10
    while len(found) < len(layers):
        candidates = [i for i, shape in enumerate(shapes) if shape[0] == wanted and i not in found]
        if not candidates:
            break
        found.append(max(candidates, key=lambda i: shapes[i][1]))
        wanted = shapes[found[-1]][1]
    return [layers[i] for i in reversed(found)]


def _is_trainable(tensor: Any) -> bool:
    return getattr(tensor, "requires_grad", False) is True


def _images(rng: np.random.Generator, n: int) -> torch.Tensor:
    return torch.as_tensor(rng.random((n, 1, 28, 28)), dtype=torch.float32)


def _shapes(layers: list[tuple[np.ndarray, np.ndarray | None]]) -> list[tuple[int, ...]]:
    return [weight.shape for weight, _ in layers]


def _network(student: Student, name: str, images: torch.Tensor) -> Ref:
    """Make a network and show it one batch, so that lazy layers take their sizes."""
    model = getattr(student, name)()
    model.eval()
    model(images)
    return model


# --- test-cnn-architecture ----------------------------------------------------------------------------------------


@exam("test-cnn-architecture", points=8)
def layers_as_stated(student: Student, rng: np.random.Generator) -> None:
    """Shapes of the parameters, whatever the layers are called.

    Split: convolutions 3, linear layers 3, 421,642 trainable parameters in all 2.
    """
    model = student.SimpleCNN()
    if any("Uninitialized" in str(type(tensor)) or isinstance(tensor, Ref) for tensor in items(model.parameters(), 60)):
        model(_images(rng, 2))  # lazy layers take their sizes from a first batch
    layers = read_layers(model)
    with idea("two convolutions with 3 × 3 filters", 3):
        came = _shapes(layers.convolutions)
        hint = "nn.Conv2d(channels in, channels out, 3, padding=1), twice"
        expected = "32 filters for 1 channel, then 64 for 32, each 3 × 3"
        ok(came == [(32, 1, 3, 3), (64, 32, 3, 3)], expected=expected, came=f"weights {came}", hint=hint)
    with idea("two linear layers", 3):
        came = _shapes(layers.linear)
        hint = "padding keeps 28 × 28, each max-pooling halves it; flatten, then to 128, then to 10"
        expected = "64·7·7 inputs to 128 units, then 128 to 10"
        ok(came == [(128, 64 * 7 * 7), (10, 128)], expected=expected, came=f"weights {came}", hint=hint)
    with idea("421,642 trainable parameters", 2):
        hint = "weights and biases of the four layers, nothing else"
        numbers = f"{layers.n_parameters:,}, of which {layers.n_trainable:,} trainable"
        right = layers.n_parameters == layers.n_trainable == 421_642
        ok(right, expected="421,642 parameters, all trainable", came=numbers, hint=hint)


# --- test-cnn-forward ---------------------------------------------------------------------------------------------


@exam("test-cnn-forward", points=7)
def logits_of_the_layers(student: Student, rng: np.random.Generator) -> None:
    """Answers compared with those of the network's own weights; wrong sizes cost `test-cnn-architecture` alone.

    Split: a row of 10 for batches of any size 2; logits of the layers in their order, in eval mode, 3; half of the 128
    units dropped in train mode alone 2.
    """
    images = _images(rng, 5)
    model = student.SimpleCNN()
    model.eval()
    with idea("a row of 10 logits for each image of any batch", 2):
        for n in (5, 1, 3):
            array(model(images[:n]), f"the answer to a batch of {n}", shape=(n, 10), hint="flatten from dimension 1 on")
    with idea("logits of the layers in their order", 3):
        _draw_weights(model, rng)
        came = array(model(images), "the answer in eval mode", shape=(5, 10))
        row_sums, ends = came.sum(axis=1), (came.min(), came.max())
        probabilities = ends[0] >= 0 and bool(np.allclose(row_sums, 1, atol=1e-3))
        hint = "return what the last linear layer gives: the loss does the softmax itself"
        ok(not probabilities, expected="logits", came="rows of probabilities, which sum to 1", hint=hint)
        layers = read_layers(model)
        wanted = min(_cnn(layers, images), key=lambda logits: float(np.abs(logits - came).max()))
        hint = (
            "convolution, ReLU, max-pooling, twice; flatten; linear, ReLU, dropout, linear: and no ReLU behind the last"
        )
        scale = float(np.abs(wanted).max())
        close(came, wanted, "the logits in eval mode", rtol=1e-3, atol=1e-3 * scale, hint=hint)
        _demand_gradients(student, model, layers, images)
    with idea("dropout of one half, in train mode alone", 2):
        _dropout_right(model, _images(rng, 40))


def _draw_weights(model: Ref, rng: np.random.Generator) -> None:
    """Give the layers weights of the exam's own: those of a network that looks at no image would be easily right."""
    state = value(model.state_dict())
    ok(isinstance(state, dict), expected="a network with a state_dict", came=state)
    for name, values in state.items():
        if np.ndim(values) >= 2:
            fan_in = int(np.prod(values.shape[1:]))
            state[name] = torch.as_tensor(rng.normal(0, np.sqrt(2 / fan_in), values.shape), dtype=torch.float32)
    model.load_state_dict({name: torch.as_tensor(values).detach() for name, values in state.items()})


def _demand_gradients(student: Student, model: Ref, layers: Layers, images: torch.Tensor) -> None:
    """Demand gradients at what the logits depend on: a network that is cut somewhere learns nothing in front of it.

    What is frozen, or left over, costs elsewhere.
    """
    flags = items(student.load(probes, "reached").reached(model, images), 60)
    n_used = sum(1 + (bias is not None) for _, bias in [*layers.convolutions, *layers.linear])
    n_reached = sum(flag is True for flag in flags)
    hint = "no torch.no_grad(), detach() or .data on the way to the logits"
    came = f"gradients at {n_reached} of {n_used} weights and biases"
    ok(n_reached >= n_used, expected="logits through which all layers learn", came=came, hint=hint)


def _cnn(layers: Layers, images: torch.Tensor) -> list[np.ndarray]:
    """Compute the logits in float64; padding is what leads to the size of the first linear layer.

    There are two of them: flattened channel by channel, or place by place, which is the same network.
    """
    hint = "two convolutions and two linear layers, kept as attributes"
    ok(len(layers.linear) > 0 and len(layers.convolutions) > 0, expected="both kinds of layers", came="one", hint=hint)
    for same_size in (True, False):
        x = images.double()
        for weight, bias in layers.convolutions:
            padding = weight.shape[-1] // 2 if same_size else 0
            x = F.max_pool2d(F.relu(F.conv2d(x, torch.tensor(weight), _tensor(bias), padding=padding)), 2)
        if x[0].numel() == layers.linear[0][0].shape[1]:
            break
    else:
        raise Fail("max-pooling by 2 after each convolution", "maps of another size", "28 → 14 → 7")
    return [_behind_the_maps(layers, order.flatten(1)) for order in (x, x.permute(0, 2, 3, 1))]


def _behind_the_maps(layers: Layers, x: torch.Tensor) -> np.ndarray:
    for i, (weight, bias) in enumerate(layers.linear):
        x = F.linear(F.relu(x) if i else x, torch.tensor(weight), _tensor(bias))
    return x.numpy()


def _tensor(bias: np.ndarray | None) -> torch.Tensor | None:
    return None if bias is None else torch.tensor(bias)


def _dropout_right(model: Ref, images: torch.Tensor) -> None:
    """Give the last two layers weights that show in each logit which hidden units are dropped."""
    n_hidden = _show_units(model)
    counts = np.array([len(range(j, n_hidden, 10)) for j in range(10)])
    hint = "nn.Dropout(0.5) behind the ReLU of the 128 units; F.dropout needs training=self.training"
    model.eval()
    still = _centred(array(model(images[:2]), "the answer in eval mode", shape=(2, 10)))
    everything = bool(np.allclose(still, counts - counts.mean(), atol=1e-2))
    ok(everything, expected="all units in eval mode", came="an answer without some of them", hint=hint)
    model.train()
    came = _centred(array(model(images), "the answer in train mode", shape=(len(images), 10)))
    # A logit counts its 12 or 13 units: with each kept with 1 - p and divided by that, its variance is n · p / (1 - p),
    # of which centring leaves nine tenths.
    variance = float(np.mean((came - counts + counts.mean()) ** 2 / (0.9 * counts)))
    ok(
        variance > 0,
        expected="units dropped at random in train mode",
        came="the same answer as in eval mode",
        hint=hint,
    )
    anew = bool(np.ptp(came, axis=0).max() > 1e-3)
    ok(anew, expected="other units dropped for each image", came="the same ones for a whole batch", hint=hint)
    rate = variance / (1 + variance)
    # 400 squares: a standard error of 7 % of the variance, of 0.018 of the rate.
    right = 0.4 < rate < 0.6
    ok(right, expected="one half of the units dropped, the others doubled", came=f"{rate:.0%} dropped", hint=hint)


def _centred(answers: np.ndarray) -> np.ndarray:
    """Return logits with a mean of 0 in each row; probabilities, which cost elsewhere, as the logits behind them."""
    if answers.min() >= 0 and np.allclose(answers.sum(axis=1), 1, atol=1e-3):
        answers = np.log(np.maximum(answers, 1e-30))
    return answers - answers.mean(axis=1, keepdims=True)


def _show_units(model: Ref) -> int:
    """Let each hidden unit be 1 whatever the image, and each logit count every tenth of them; return their number."""
    state = value(model.state_dict())
    ok(isinstance(state, dict), expected="a network with a state_dict", came=state)
    matrices = [name for name in state if np.ndim(state[name]) == 2]
    linear = chain(matrices, [tuple(state[name].shape) for name in matrices])
    ok(len(linear) >= 2, expected="two linear layers", came=f"{len(linear)}", hint="to 128 units, then to 10")
    (hidden, units), (last, _) = ((name, state[name].shape[0]) for name in linear[-2:])
    for name, values in ((hidden, torch.zeros(state[hidden].shape)), (last, torch.zeros(state[last].shape))):
        state[name] = values
        bias = _bias_name(state, name)
        if bias is not None:
            state[bias] = torch.ones(len(values)) if name == hidden else torch.zeros(len(values))
    for j in range(units):
        state[last][j % 10, j] = 1.0
    model.load_state_dict({name: values.detach() for name, values in state.items()})
    return units


def _bias_name(state: dict[str, Any], weight: str) -> str | None:
    """Return the name of the vector that belongs to a weight: the one beside it, else the only one of its length."""
    beside = f"{weight.removesuffix('weight')}bias"
    if beside in state:
        return beside
    return next((name for name in state if tuple(state[name].shape) == (len(state[weight]),)), None)


# --- test-embedding-mlp -------------------------------------------------------------------------------------------


@exam("test-embedding-mlp", points=8)
def features_before_the_last_relu(student: Student, rng: np.random.Generator) -> None:
    """Layers, features and logits compared with those of the network's own weights.

    Split: three linear layers with 24,380 parameters 3; the 20 features before the last ReLU 3; logits 2.
    """
    images = _images(rng, 5)
    model = student.EmbeddingMLP()
    model.eval()
    model(images)
    _draw_weights(model, rng)
    layers = read_layers(model)
    with idea("three linear layers with 24,380 parameters", 3):
        came = _shapes(layers.linear)
        hint = "nn.Linear(784, 30), nn.Linear(30, 20), nn.Linear(20, 10), each with its bias"
        ok(came == [(30, 784), (20, 30), (10, 20)], expected="784 → 30 → 20 → 10", came=f"weights {came}", hint=hint)
        came_n = f"{layers.n_parameters:,}"
        right = layers.n_parameters == layers.n_trainable == 24_380
        ok(right, expected="24,380 parameters, all trainable", came=came_n, hint=hint)
    features, logits = _mlp(layers, images)
    with idea("features20: 20 units before their ReLU", 3):
        n_units = features.shape[1]
        hint = "flatten, linear, ReLU, linear, and stop there"
        came_features = array(model.features20(images), "features20(x)", shape=(5, n_units), hint=hint)
        negative = bool((came_features < 0).any())
        ok(negative, expected="features of either sign", came="none below zero", hint="return them before the ReLU")
        _near(came_features, features, "features20(x)", hint)
    with idea("logits behind the last ReLU", 2):
        hint = "ReLU of features20(x), then the last linear layer; no softmax, no dropout"
        for mode in (model.eval, model.train):
            mode()
            _near(array(model(images), "the answer", shape=(5, 10), hint=hint), logits, "the logits", hint)
        _demand_gradients(student, model, layers, images)


def _mlp(layers: Layers, images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Compute what goes into the last ReLU, and the logits, in float64."""
    ok(len(layers.linear) >= 2, expected="linear layers", came=f"{len(layers.linear)}", hint="784 → 30 → 20 → 10")
    x = features = images.flatten(1).double().numpy()
    for i, (weight, bias) in enumerate(layers.linear):
        features = x
        fits = weight.shape[1] == x.shape[1]
        ok(fits, expected="each layer to take what the one before gives", came=f"weights {_shapes(layers.linear)}")
        x = (np.maximum(x, 0) if i else x) @ weight.T + (0 if bias is None else bias)
    return features, x


def _near(came: np.ndarray, wanted: np.ndarray, what: str, hint: str) -> None:
    close(came, wanted, what, rtol=1e-3, atol=1e-3 * float(np.abs(wanted).max()), hint=hint)

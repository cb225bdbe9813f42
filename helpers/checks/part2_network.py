"""The self-checks of Part II about networks: what they are made of, what they answer, what is read out of them."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.utils.data import DataLoader, TensorDataset

from .selfcheck import Checks, Names, expect, expect_array

checks = Checks()

CPU = torch.device("cpu")


def some_images(n: int) -> torch.Tensor:
    """Draw images of shape (n, 1, 28, 28) with values in [0, 1]."""
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(3))


def expect_tensor(value: Any, what: str, shape: tuple[int, ...], look: str) -> np.ndarray:
    """Return what a model answers as an array, once its shape is right and its numbers are finite."""
    expect(isinstance(value, torch.Tensor), f"{what} as a tensor", type(value).__name__, "Is there a `return`?")
    return expect_array(value.detach().cpu().numpy(), what, shape, look)


def expect_module(model: Any, what: str) -> nn.Module:
    """Return a model, once it is one."""
    expect(isinstance(model, nn.Module), f"{what} to be an nn.Module", type(model).__name__, "Run its cell again.")
    return model


def _expect_parameters(model: nn.Module, count: int, shapes: list[tuple[int, ...]], look: str) -> None:
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        model(some_images(2))  # lazy layers get their weights by their first images
    found = [tuple(parameter.shape) for parameter in model.parameters() if parameter.ndim > 1]
    missing = [shape for shape in shapes if shape not in found]
    expect(not missing, f"a layer with weights of shape {missing[:1]}", f"weights of the shapes {found}", look)
    came = sum(parameter.numel() for parameter in model.parameters())
    expect(came == count, f"{count:,} parameters", f"{came:,}", "Compare layer by layer with the table.")


@checks.add(
    "cnn-architecture",
    needs=("SimpleCNN",),
    hints=(
        "Two kinds of layers have parameters, `nn.Conv2d` and `nn.Linear`; there are two of each.",
        "`nn.Conv2d(channels_in, maps_out, kernel_size=3, padding=1)`. What goes into the second one comes out of the "
        "first.",
        "`nn.Sequential` takes the layers in the order of the table: ReLU after each but the last, pooling after each "
        "convolution, `nn.Flatten()` in between, `nn.Dropout(0.5)` before the last.",
    ),
)
def cnn_architecture(names: Names) -> None:
    """Shapes of the weights and their number."""
    model = expect_module(names["SimpleCNN"](), "SimpleCNN()")
    shapes = [(32, 1, 3, 3), (64, 32, 3, 3), (128, 3136), (10, 128)]
    _expect_parameters(model, 421_642, shapes, "A layer that is kept in a plain list is not found; use attributes.")


@checks.add(
    "cnn-forward",
    needs=("SimpleCNN",),
    hints=(
        "If each layer has its place in an `nn.Sequential`, `forward` is one line.",
        "No softmax at the end: the loss does it. No fixed number of images anywhere.",
        "Is dropout a layer (`nn.Dropout`)? `F.dropout(x)` goes on dropping in `eval` unless it is told "
        "`training=self.training`.",
    ),
)
def cnn_forward(names: Names) -> None:
    """Logits of any batch, random in training alone."""
    model = expect_module(names["SimpleCNN"](), "SimpleCNN()").eval()
    images = some_images(3)
    with torch.no_grad():
        logits = expect_tensor(model(images), "the answer to 3 images", (3, 10), "One row per image.")
        expect_tensor(model(images[:1]), "the answer to one image", (1, 10), "Is the size of the batch fixed?")
        expect(not np.allclose(logits[0], logits[1]), "other logits for another image", "the same", "Is x used?")
        sums = np.exp(logits).sum(axis=1)
        probabilities = np.allclose(logits.sum(axis=1), 1, atol=1e-4) or np.allclose(sums, 1, atol=1e-4)
        expect(not probabilities, "logits", "probabilities or their logarithms", "End with the linear layer.")
        again = model(images).numpy()
        expect(np.allclose(logits, again), "the same answer twice in eval", "another", "Dropout must rest in eval.")
        model.train()
        noisy = model(images).numpy()
        expect(not np.allclose(noisy, model(images).numpy()), "dropout in train mode", "none", "Is it in forward?")


@checks.add(
    "embedding-mlp",
    needs=("EmbeddingMLP",),
    hints=(
        "Three linear layers. The first one wants rows of 784 numbers: flatten the images.",
        "Let `forward` call `features20`, so that the first half is written once.",
        "`features20` ends with the second linear layer; `forward` goes on with a ReLU and the third one.",
    ),
)
def embedding_mlp(names: Names) -> None:
    """Shapes, numbers of parameters, features from before the ReLU."""
    model: Any = expect_module(names["EmbeddingMLP"](), "EmbeddingMLP()").eval()
    _expect_parameters(model, 24_380, [(30, 784), (20, 30), (10, 20)], "784 → 30 → 20 → 10.")
    images = some_images(8)
    with torch.no_grad():
        features = expect_tensor(model.features20(images), "features20 of 8 images", (8, 20), "One row per image.")
        logits = expect_tensor(model(images), "the answer to 8 images", (8, 10), "One row per image.")
        last = next(parameter for parameter in model.parameters() if parameter.shape == (10, 20))
        last.zero_()
        constant = model(images).numpy()
    expect(features.min() < 0, "some features below zero", "none", "Return them before their ReLU.")
    expect(np.ptp(logits, axis=0) > 0, "other logits for other images", "the same", "Is x used?")
    expect(np.allclose(constant, constant[0], atol=1e-6), "forward to end in the layer 20 → 10", "other", "The order?")


class Reader(nn.Module):
    """A model of 20 features and ten classes that notes in which mode it was asked and whether notes were taken."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(20))
        self.asked: list[tuple[bool, bool]] = []

    def features20(self, x: torch.Tensor) -> torch.Tensor:
        """Return what came in, flattened; shape (N, 20)."""
        self.asked.append((self.training, torch.is_grad_enabled()))
        return x.flatten(1) @ self.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the first ten features as logits, shape (N, 10)."""
        return self.features20(x)[:, :10]


def _expect_good_manners(model: Reader, before: bool) -> None:
    """Expect evaluation in eval mode, without gradients, and the mode that the model came in."""
    expect(model.asked, "the model to be asked", "nothing", "Send each batch through it.")
    in_training = any(training for training, _ in model.asked)
    expect(not in_training, "eval mode while it computes", "train mode", "model.eval() comes first.")
    expect(not any(grads for _, grads in model.asked), "no gradients", "notes were taken", "with torch.no_grad():")
    expect(model.training == before, "the mode in which it came", "another", "Keep model.training, and restore it.")


@checks.add(
    "embed-dataset",
    needs=("embed_dataset",),
    hints=(
        "A list for the batches of features and one for their labels; join them at the end with `torch.cat`.",
        "`.cpu().numpy()` makes an array of a tensor, wherever it lives.",
        "`was_training = model.training` at the beginning; at the end `model.train(was_training)`.",
    ),
)
def embed_dataset(names: Names) -> None:
    """Order, types and manners, on seven rows."""
    X, y = torch.arange(140.0).reshape(7, 20), torch.tensor([3, 1, 4, 1, 5, 9, 2])
    loader = DataLoader(TensorDataset(X, y), batch_size=3)
    for before in (True, False):
        model = Reader().train(before)
        answer = names["embed_dataset"](model, loader, device=CPU)
        pair = isinstance(answer, tuple | list) and len(answer) == 2
        expect(pair, "the pair (features, labels)", type(answer).__name__, "return features, labels")
        kinds = [type(part).__name__ for part in answer if not isinstance(part, np.ndarray | torch.Tensor)]
        expect(not kinds, "two NumPy arrays", f"{kinds}", "Join the batches; `.cpu().numpy()` makes arrays.")
        features, labels = (np.asarray(part) for part in answer)
        expect(features.shape == (7, 20), "features of shape (7, 20)", f"{features.shape}", "Is the last batch there?")
        expect(features.dtype == np.float32, "float32", f"{features.dtype}", "The model's own type will do.")
        expect(np.array_equal(labels, y.numpy()), "labels in the loader's order", "others", "Join them batch by batch.")
        expect(np.allclose(features, X.numpy()), "features in the loader's order", "others", "model.features20(images)")
        _expect_good_manners(model, before)


@checks.add(
    "evaluate",
    needs=("evaluate",),
    hints=(
        "Collect the true labels and the answers of all batches first; the three numbers come from scikit-learn.",
        "The answer to an image is the position of its largest logit, `argmax(dim=1)`.",
        "`confusion_matrix(y_true, y_pred, labels=range(10))`: true first.",
    ),
)
def evaluate(names: Names) -> None:
    """Four images with known answers."""
    said, y = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2])
    X = torch.eye(20)[said]
    for before in (True, False):
        model = Reader().train(before)
        result = names["evaluate"](model, DataLoader(TensorDataset(X, y), batch_size=3), device=CPU)
        expect(isinstance(result, dict), "a dict", type(result).__name__, "accuracy, macro_f1, confusion")
        missing = [key for key in ("accuracy", "macro_f1", "confusion") if key not in result]
        expect(not missing, "accuracy, macro_f1 and confusion", f"no {missing}", "The names count.")
        counts = expect_array(result["confusion"], "confusion", (10, 10), "labels=range(10)")
        accuracy = float(result["accuracy"])
        expect(abs(accuracy - 0.75) < 1e-6, "accuracy 0.75 for 3 of 4", f"{accuracy:.3f}", "Of all batches together.")
        expect(counts.sum() == 4, "4 images counted", f"{counts.sum():.0f}", "Each image once.")
        expect(counts[1, 0] == 1, "a true 1 taken for 0 in row 1, column 0", "elsewhere", "Rows are the truth.")
        macro_f1 = float(result["macro_f1"])
        look = "average='macro', over the classes that occur; 0.233 would be the mean over all ten."
        expect(abs(macro_f1 - 7 / 9) < 1e-3, "macro-F1 0.778: the mean of ⅔, ⅔ and 1", f"{macro_f1:.3f}", look)
        _expect_good_manners(model, before)


@checks.add(
    "augmentation",
    needs=("augmentation",),
    hints=(
        "`v2.RandomAffine(degrees=…, translate=…, scale=…, shear=…)` turns, moves, scales and slants.",
        "Ten degrees or so, and a twelfth of the width. No flips: a mirrored digit is none.",
    ),
)
def augmentation(names: Names) -> None:
    """Shape, range, randomness, and a hook that stays a hook."""
    transform = names["augmentation"]()
    expect(callable(transform), "a transform", type(transform).__name__, "Return it; it is called on each image.")
    image = torch.zeros(1, 28, 28)
    image[0, 6:22, 9:12] = 1  # an L, which no flip and no quarter turn leaves as it is
    image[0, 19:22, 9:20] = 1
    look = "A float tensor (1, 28, 28) in, the same out."
    drawn = [expect_tensor(transform(image.clone()), "the result", (1, 28, 28), look) for _ in range(24)]
    expect(min(d.min() for d in drawn) > -1e-4, "values from 0", "values below", "Stay in [0, 1].")
    expect(max(d.max() for d in drawn) < 1 + 1e-4, "values up to 1", "values above", "Stay in [0, 1].")
    different = len({d.tobytes() for d in drawn})
    expect(different > 3, "another result each time", f"{different} different ones of 24", "Is it random?")
    original = image.numpy()
    turned = {
        "mirrored": original[:, :, ::-1],
        "upside down": original[:, ::-1],
        "on its head": original[:, ::-1, ::-1],
    }
    for d in drawn:
        likeness = _best_overlap(d, original)
        for name, other in turned.items():
            wrong = _best_overlap(d, other) > likeness
            expect(not wrong, "an L that stays an L", f"one that is {name}", "Which changes keep a digit's meaning?")
        expect(d.sum() > 0.3 * original.sum(), "the stroke to stay", "most of it gone", "Smaller changes, please.")


def _best_overlap(image: np.ndarray, other: np.ndarray) -> float:
    """The largest overlap of two images over all shifts, by the Fourier transform."""
    spectrum = np.fft.rfft2(image[0]) * np.conj(np.fft.rfft2(other[0]))
    return float(np.fft.irfft2(spectrum, s=image.shape[1:]).max())

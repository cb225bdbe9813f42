# %% simple-cnn
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn, optim
from torch.nn import functional
from torchvision import transforms


class ConvBlock(nn.Module):
    """Convolution, ReLU, pooling."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels_in, channels_out, (3, 3), padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(torch.relu(self.layer(x)), 2)


class SimpleCNN(nn.Module):
    """The network of the table."""

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        self.out = nn.Linear(128, 10)
        self.hidden = nn.Linear(64 * 7 * 7, 128)
        self.second, self.first = ConvBlock(32, 64), ConvBlock(1, 32)
        self.rate = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x)).view(-1, 64 * 7 * 7)
        hidden = torch.relu(self.hidden(x))
        return self.out(functional.dropout(hidden, self.rate, self.training))


# %% train-model
@dataclass
class Meter:
    """Adds up losses and hits."""

    loss: float = 0.0
    hits: int = 0
    n: int = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        self.loss += float(loss) * labels.size(0)
        self.hits += int(torch.sum(logits.argmax(dim=-1) == labels))
        self.n += labels.size(0)

    def means(self) -> tuple:
        return self.loss / self.n, self.hits / self.n


@dataclass
class Trainer:
    """Trains a model, epoch by epoch."""

    model: nn.Module
    optimizer: optim.Optimizer
    device: object
    criterion: nn.Module = field(default_factory=nn.CrossEntropyLoss)
    history: dict = field(default_factory=dict)

    def epoch(self, train_loader, val_loader) -> None:
        train, val = Meter(), Meter()
        self.model.train()
        for batch in train_loader:
            x, y = batch[0].to(self.device), batch[1].to(self.device)
            self.model.zero_grad()
            logits = self.model(x)
            loss = self.criterion(logits, y)
            loss.backward()
            self.optimizer.step()
            train.add(loss, logits, y)
        self.model.eval()
        for batch in val_loader:
            x, y = batch[0].to(self.device), batch[1].to(self.device)
            with torch.no_grad():
                logits = self.model(x)
                val.add(self.criterion(logits, y), logits, y)
        for name, meter in {"train": train, "val": val}.items():
            loss, accuracy = meter.means()
            self.note(f"{name}_loss", loss)
            self.note(f"{name}_accuracy", accuracy)

    def note(self, name: str, value: float) -> None:
        self.history.setdefault(name, []).append(value)


def trainer(model, learning_rate, device) -> Trainer:
    device = torch.device("cpu") if device is None else device
    return Trainer(model.to(device), optim.Adam(model.parameters(), lr=learning_rate), device)


def train_model(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    mine = trainer(model, learning_rate, device)
    for _ in range(epochs):
        mine.epoch(train_loader, val_loader)
    return mine.history


# %% compare-optimizers
def compare_optimizers(
    model_class, train_loader, val_loader, optimizers, epochs=3, learning_rate=1e-3, device=None, seed=0
):
    device = torch.device("cpu") if device is None else device
    torch.manual_seed(seed)
    initial = {name: values.clone() for name, values in model_class().state_dict().items()}
    trainers = {}
    for name in optimizers:
        model = model_class().to(device)
        model.load_state_dict(initial)
        trainers[name] = Trainer(model, optimizers[name](model.parameters(), lr=learning_rate), device)
    for _ in range(epochs):
        for mine in trainers.values():
            mine.epoch(train_loader, val_loader)
    return {name: np.array(mine.history["val_accuracy"]) for name, mine in trainers.items()}


# %% lr-scheduling
def train_with_scheduler(
    model, train_loader, val_loader, epochs=15, learning_rate=1e-3, patience=3, factor=0.1, device=None
):
    mine = trainer(model, learning_rate, device)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(mine.optimizer, factor=factor, patience=patience)
    for _ in range(epochs):
        (group,) = mine.optimizer.param_groups
        mine.note("lr", group["lr"])
        mine.epoch(train_loader, val_loader)
        plateau.step(mine.history["val_loss"][-1])
    return mine.history


# %% embedding-mlp
class EmbeddingMLP(nn.Module):
    """Narrow at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(28 * 28, 30), nn.Linear(30, 20), nn.Linear(20, 10)

    def features20(self, x: Tensor) -> Tensor:
        return self.b(functional.relu(self.a(torch.flatten(x, start_dim=1))))

    def forward(self, x: Tensor) -> Tensor:
        return self.c(functional.relu(self.features20(x)))


# %% embed-dataset
class InEval:
    """Eval mode without gradients for a block; the mode is restored, even after an error."""

    def __init__(self, model) -> None:
        self.model, self.mode, self.grad = model, model.training, torch.no_grad()

    def __enter__(self):
        self.model.eval()
        self.grad.__enter__()

    def __exit__(self, *error) -> None:
        self.grad.__exit__(*error)
        self.model.train(self.mode)


def embed_dataset(model, loader, device=None):
    features, labels = [], []
    with InEval(model):
        for x, y in loader:
            features.extend(model.features20(x.to(device) if device else x).cpu().numpy())
            labels.extend(y.tolist())
    return np.stack(features).astype("float32"), np.array(labels)


# %% cross-domain
def evaluate(model, loader, device=None):
    matrix = np.zeros((10, 10), dtype=np.int64)
    with InEval(model):
        for x, y in loader:
            found = model(x.to(device) if device else x).argmax(dim=1).cpu().numpy()
            np.add.at(matrix, (y.numpy(), found), 1)
    right, rows, columns = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    f1 = [2 * right[k] / (rows[k] + columns[k]) for k in range(10) if rows[k] > 0]
    return {"confusion": matrix, "accuracy": right.sum() / matrix.sum(), "macro_f1": np.mean(f1)}


# %% early-stopping
def train_with_early_stopping(
    model, train_loader, val_loader, max_epochs=50, patience=5, learning_rate=1e-3, device=None
):
    mine = trainer(model, learning_rate, device)
    best, kept, left = np.inf, None, patience
    while max_epochs > 0 and left > 0:
        max_epochs -= 1
        left -= 1
        mine.epoch(train_loader, val_loader)
        now = mine.history["val_loss"][-1]
        if now < best:
            best, left = now, patience
            kept = [parameter.detach().clone() for parameter in model.parameters()]
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), kept):
            parameter.copy_(values)
    return mine.history


# %% augmentation
class Jitter:
    """Turns and moves an image a little."""

    def __call__(self, image):
        angle = float(torch.empty(()).uniform_(-10, 10))
        shift = torch.randint(-2, 3, (2,)).tolist()
        return transforms.functional.affine(image, angle, shift, scale=1.0, shear=[0.0])


def augmentation():
    return Jitter()

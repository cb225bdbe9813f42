# %% simple-cnn
import copy

import numpy as np
import torch
from sklearn import metrics
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2

SimpleCNN = type(
    "SimpleCNN",
    (nn.Sequential,),
    {
        "__init__": lambda self: nn.Sequential.__init__(
            self,
            nn.Conv2d(1, 32, 3, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(3136, 128),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(128, 10),
        )
    },
)


# %% train-model
def one_pass(model, loader, optimizer=None, device="cpu"):
    """Loss and accuracy of one pass over a loader; trains if there is an optimizer."""
    model.train(optimizer is not None)
    total, right, n = 0.0, 0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            logits = model(x)
            loss = F.cross_entropy(logits, y, reduction="sum")
            if optimizer is not None:
                optimizer.zero_grad()
                (loss / len(y)).backward()
                optimizer.step()
            total += loss.item()
            right += (logits.argmax(1) == y).sum().item()
            n += len(y)
    return total / n, right / n


def fit(model, train_loader, val_loader, optimizer, epochs, device, after=lambda history: False):
    """Train until `after` says that it is enough."""
    device = device or "cpu"
    model.to(device)
    history = {"train_loss": [], "train_accuracy": [], "val_loss": [], "val_accuracy": []}
    for _ in range(epochs):
        values = (*one_pass(model, train_loader, optimizer, device), *one_pass(model, val_loader, device=device))
        for values_so_far, value in zip(history.values(), values):
            values_so_far.append(value)
        if after(history):
            break
    return history


def train_model(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    adam = torch.optim.Adam(model.parameters(), lr=learning_rate)
    return fit(model, train_loader, val_loader, adam, epochs, device)


# %% compare-optimizers
def compare_optimizers(
    model_class, train_loader, val_loader, optimizers, epochs=3, learning_rate=1e-3, device=None, seed=0
):
    def accuracies(make):
        torch.manual_seed(seed)
        model = model_class()
        optimizer = make(model.parameters(), lr=learning_rate)
        return fit(model, train_loader, val_loader, optimizer, epochs, device)["val_accuracy"]

    return {name: accuracies(make) for name, make in optimizers.items()}


# %% lr-scheduling
def train_with_scheduler(
    model, train_loader, val_loader, epochs=15, learning_rate=1e-3, patience=3, factor=0.1, device=None
):
    adam = torch.optim.Adam(model.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, "min", factor=factor, patience=patience)
    rates = []

    def after(history):
        rates.append(adam.param_groups[0]["lr"])
        scheduler.step(history["val_loss"][-1])

    return {**fit(model, train_loader, val_loader, adam, epochs, device, after), "lr": rates}


# %% embedding-mlp
class EmbeddingMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.features20 = nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 20))
        self.classifier = nn.Linear(20, 10)

    def forward(self, x):
        return self.classifier(self.features20(x).relu())


# %% embed-dataset
def collect(model, loader, function, device=None):
    """What a function answers to each batch, and the labels, in eval mode; the mode is restored."""
    mode = model.training
    model.to(device or "cpu").eval()
    with torch.inference_mode():
        pairs = [(function(x.to(device or "cpu")).cpu(), y) for x, y in loader]
    model.train(mode)
    return [torch.cat(parts).numpy() for parts in zip(*pairs)]


def embed_dataset(model, loader, device=None):
    features, labels = collect(model, loader, model.features20, device)
    return features, labels


# %% cross-domain
def evaluate(model, loader, device=None):
    logits, y = collect(model, loader, model, device)
    found = logits.argmax(axis=1)
    return {
        "accuracy": float(np.mean(found == y)),
        "macro_f1": metrics.f1_score(y, found, average="macro", labels=np.unique(y)),
        "confusion": metrics.confusion_matrix(y, found, labels=np.arange(10)),
    }


# %% early-stopping
def train_with_early_stopping(
    model, train_loader, val_loader, max_epochs=50, patience=5, learning_rate=1e-3, device=None
):
    best = {}

    def after(history):
        losses = history["val_loss"]
        if losses[-1] == min(losses):
            best.update(epoch=len(losses), weights=copy.deepcopy(model.state_dict()))
        return len(losses) - best["epoch"] >= patience

    adam = torch.optim.Adam(model.parameters(), lr=learning_rate)
    history = fit(model, train_loader, val_loader, adam, max_epochs, device, after)
    model.load_state_dict(best["weights"])
    return history


# %% augmentation
def augmentation():
    return v2.Compose([v2.RandomRotation(12), v2.RandomCrop(28, padding=2)])

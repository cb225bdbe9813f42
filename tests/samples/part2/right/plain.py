# %% simple-cnn
import copy

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch import nn, optim
from torchvision import transforms


def pick(device):
    return device if device is not None else torch.device("cuda" if torch.cuda.is_available() else "cpu")


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.flatten(1)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)


# %% train-model
def train_model(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    device = pick(device)
    model.to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    history = {"train_loss": [], "val_loss": [], "train_accuracy": [], "val_accuracy": []}
    for epoch in range(epochs):
        model.train()
        total_loss, correct, seen = 0.0, 0, 0
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            seen += len(labels)
        model.eval()
        val_loss, val_correct, val_seen = 0.0, 0, 0
        with torch.no_grad():
            for images, labels in val_loader:
                images, labels = images.to(device), labels.to(device)
                logits = model(images)
                val_loss += criterion(logits, labels).item() * len(labels)
                val_correct += (logits.argmax(dim=1) == labels).sum().item()
                val_seen += len(labels)
        history["train_loss"].append(total_loss / seen)
        history["val_loss"].append(val_loss / val_seen)
        history["train_accuracy"].append(correct / seen)
        history["val_accuracy"].append(val_correct / val_seen)
    return history


# %% compare-optimizers
def compare_optimizers(
    model_class, train_loader, val_loader, optimizers, epochs=3, learning_rate=1e-3, device=None, seed=0
):
    device = pick(device)
    criterion = nn.CrossEntropyLoss()
    results = {}
    for name, make in optimizers.items():
        torch.manual_seed(seed)
        model = model_class().to(device)
        optimizer = make(model.parameters(), lr=learning_rate)
        accuracies = []
        for epoch in range(epochs):
            model.train()
            for images, labels in train_loader:
                images, labels = images.to(device), labels.to(device)
                optimizer.zero_grad()
                loss = criterion(model(images), labels)
                loss.backward()
                optimizer.step()
            model.eval()
            correct, seen = 0, 0
            with torch.no_grad():
                for images, labels in val_loader:
                    images, labels = images.to(device), labels.to(device)
                    correct += (model(images).argmax(dim=1) == labels).sum().item()
                    seen += len(labels)
            accuracies.append(correct / seen)
        results[name] = accuracies
    return results


# %% lr-scheduling
def train_with_scheduler(
    model, train_loader, val_loader, epochs=15, learning_rate=1e-3, patience=3, factor=0.1, device=None
):
    device = pick(device)
    model.to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=factor, patience=patience)
    history = {"train_loss": [], "val_loss": [], "train_accuracy": [], "val_accuracy": [], "lr": []}
    for epoch in range(epochs):
        history["lr"].append(optimizer.param_groups[0]["lr"])
        model.train()
        total_loss, correct, seen = 0.0, 0, 0
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            seen += len(labels)
        model.eval()
        val_loss, val_correct, val_seen = 0.0, 0, 0
        with torch.no_grad():
            for images, labels in val_loader:
                images, labels = images.to(device), labels.to(device)
                logits = model(images)
                val_loss += criterion(logits, labels).item() * len(labels)
                val_correct += (logits.argmax(dim=1) == labels).sum().item()
                val_seen += len(labels)
        history["train_loss"].append(total_loss / seen)
        history["val_loss"].append(val_loss / val_seen)
        history["train_accuracy"].append(correct / seen)
        history["val_accuracy"].append(val_correct / val_seen)
        scheduler.step(history["val_loss"][-1])
    return history


# %% embedding-mlp
class EmbeddingMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 30)
        self.fc2 = nn.Linear(30, 20)
        self.fc3 = nn.Linear(20, 10)

    def features20(self, x):
        x = x.flatten(1)
        return self.fc2(F.relu(self.fc1(x)))

    def forward(self, x):
        return self.fc3(F.relu(self.features20(x)))


# %% embed-dataset
def embed_dataset(model, loader, device=None):
    device = pick(device)
    model.to(device)
    was_training = model.training
    model.eval()
    features, targets = [], []
    with torch.no_grad():
        for images, labels in loader:
            features.append(model.features20(images.to(device)).cpu())
            targets.append(labels)
    model.train(was_training)
    return torch.cat(features).numpy(), torch.cat(targets).numpy()


# %% cross-domain
def evaluate(model, loader, device=None):
    device = pick(device)
    model.to(device)
    was_training = model.training
    model.eval()
    predicted, true = [], []
    with torch.no_grad():
        for images, labels in loader:
            predicted.append(model(images.to(device)).argmax(dim=1).cpu())
            true.append(labels)
    model.train(was_training)
    y_pred, y_true = torch.cat(predicted).numpy(), torch.cat(true).numpy()
    return {
        "accuracy": accuracy_score(y_true, y_pred),
        "macro_f1": f1_score(y_true, y_pred, average="macro"),
        "confusion": confusion_matrix(y_true, y_pred, labels=range(10)),
    }


# %% early-stopping
def train_with_early_stopping(
    model, train_loader, val_loader, max_epochs=50, patience=5, learning_rate=1e-3, device=None
):
    device = pick(device)
    model.to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    history = {"train_loss": [], "val_loss": [], "train_accuracy": [], "val_accuracy": []}
    best_loss, best_weights, waited = float("inf"), copy.deepcopy(model.state_dict()), 0
    for epoch in range(max_epochs):
        model.train()
        total_loss, correct, seen = 0.0, 0, 0
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            seen += len(labels)
        model.eval()
        val_loss, val_correct, val_seen = 0.0, 0, 0
        with torch.no_grad():
            for images, labels in val_loader:
                images, labels = images.to(device), labels.to(device)
                logits = model(images)
                val_loss += criterion(logits, labels).item() * len(labels)
                val_correct += (logits.argmax(dim=1) == labels).sum().item()
                val_seen += len(labels)
        history["train_loss"].append(total_loss / seen)
        history["val_loss"].append(val_loss / val_seen)
        history["train_accuracy"].append(correct / seen)
        history["val_accuracy"].append(val_correct / val_seen)
        if history["val_loss"][-1] < best_loss:
            best_loss = history["val_loss"][-1]
            best_weights = copy.deepcopy(model.state_dict())
            waited = 0
        else:
            waited += 1
            if waited >= patience:
                break
    model.load_state_dict(best_weights)
    return history


# %% augmentation
def augmentation():
    return transforms.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1))

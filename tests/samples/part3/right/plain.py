# %% transfer-model
import torchvision


class TransferLearningModel(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.to_rgb = nn.Conv2d(1, 3, kernel_size=1)
        self.model = torchvision.models.mobilenet_v2(weights="DEFAULT")
        for parameter in self.model.parameters():
            parameter.requires_grad = False
        self.model.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))

    def forward(self, x):
        x = self.to_rgb(x)
        return self.model(x)

    def unfreeze_layers(self, num_layers):
        blocks = list(self.model.features)
        first = max(len(blocks) - num_layers, 0)
        for block in blocks[first:]:
            for parameter in block.parameters():
                parameter.requires_grad = True


# %% feature-extraction
def train_feature_extractor(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    device = device or torch.device("cpu")
    model.to(device)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=learning_rate)
    criterion = nn.CrossEntropyLoss()
    history = {"train_loss": [], "val_loss": [], "train_accuracy": [], "val_accuracy": []}
    for epoch in range(epochs):
        model.train()
        model.model.features.eval()
        loss_sum, correct, seen = 0.0, 0, 0
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            seen += len(labels)
        history["train_loss"].append(loss_sum / seen)
        history["train_accuracy"].append(correct / seen)
        model.eval()
        val_loss_sum, val_correct, val_seen = 0.0, 0, 0
        with torch.no_grad():
            for x, y in val_loader:
                x, y = x.to(device), y.to(device)
                answers = model(x)
                val_loss_sum += criterion(answers, y).item() * len(y)
                val_correct += (answers.argmax(dim=1) == y).sum().item()
                val_seen += len(y)
        history["val_loss"].append(val_loss_sum / val_seen)
        history["val_accuracy"].append(val_correct / val_seen)
    return history


# %% fine-tuning
def fine_tune(model, train_loader, val_loader, num_layers=3, epochs=3, learning_rate=1e-4, device=None):
    device = device or torch.device("cpu")
    model.to(device)
    model.unfreeze_layers(num_layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    criterion = nn.CrossEntropyLoss()
    history = {"train_loss": [], "val_loss": [], "train_accuracy": [], "val_accuracy": []}
    for epoch in range(epochs):
        model.train()
        for block in model.model.features:
            if not any(parameter.requires_grad for parameter in block.parameters()):
                block.eval()
        loss_sum, correct, seen = 0.0, 0, 0
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            seen += len(labels)
        history["train_loss"].append(loss_sum / seen)
        history["train_accuracy"].append(correct / seen)
        model.eval()
        val_loss_sum, val_correct, val_seen = 0.0, 0, 0
        with torch.no_grad():
            for x, y in val_loader:
                x, y = x.to(device), y.to(device)
                answers = model(x)
                val_loss_sum += criterion(answers, y).item() * len(y)
                val_correct += (answers.argmax(dim=1) == y).sum().item()
                val_seen += len(y)
        history["val_loss"].append(val_loss_sum / val_seen)
        history["val_accuracy"].append(val_correct / val_seen)
    return history


# %% progressive-unfreezing
def progressive_unfreezing(model, train_loader, val_loader, phases, device=None):
    device = device or torch.device("cpu")
    model.to(device)
    criterion = nn.CrossEntropyLoss()
    history = {"train_loss": [], "val_loss": [], "train_accuracy": [], "val_accuracy": [], "phase": []}
    for phase, (num_layers, epochs, learning_rate) in enumerate(phases):
        model.unfreeze_layers(num_layers)
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        for epoch in range(epochs):
            model.train()
            for block in model.model.features:
                if not any(parameter.requires_grad for parameter in block.parameters()):
                    block.eval()
            loss_sum, correct, seen = 0.0, 0, 0
            for images, labels in train_loader:
                images, labels = images.to(device), labels.to(device)
                optimizer.zero_grad()
                logits = model(images)
                loss = criterion(logits, labels)
                loss.backward()
                optimizer.step()
                loss_sum += loss.item() * len(labels)
                correct += (logits.argmax(dim=1) == labels).sum().item()
                seen += len(labels)
            history["train_loss"].append(loss_sum / seen)
            history["train_accuracy"].append(correct / seen)
            model.eval()
            val_loss_sum, val_correct, val_seen = 0.0, 0, 0
            with torch.no_grad():
                for x, y in val_loader:
                    x, y = x.to(device), y.to(device)
                    answers = model(x)
                    val_loss_sum += criterion(answers, y).item() * len(y)
                    val_correct += (answers.argmax(dim=1) == y).sum().item()
                    val_seen += len(y)
            history["val_loss"].append(val_loss_sum / val_seen)
            history["val_accuracy"].append(val_correct / val_seen)
            history["phase"].append(phase)
    return history


# %% cached-features
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler


def extract_features(backbone, loader, device=None):
    device = device or torch.device("cpu")
    start = time.perf_counter()
    backbone.to(device)
    backbone.eval()
    features, labels = [], []
    with torch.no_grad():
        for x, y in loader:
            x = x.to(device)
            features.append(backbone(x).cpu().numpy())
            labels.append(y.numpy())
    features = np.concatenate(features)
    labels = np.concatenate(labels)
    seconds = time.perf_counter() - start
    return features, labels, seconds


def linear_probe(train, test):
    X_train, y_train = train[:2]
    X_test, y_test = test[:2]
    start = time.perf_counter()
    scaler = StandardScaler()
    X_train = scaler.fit_transform(X_train)
    X_test = scaler.transform(X_test)
    classifier = LogisticRegression(max_iter=1000)
    classifier.fit(X_train, y_train)
    fit_seconds = time.perf_counter() - start
    y_pred = classifier.predict(X_test)
    return {
        "accuracy": accuracy_score(y_test, y_pred),
        "macro_f1": f1_score(y_test, y_pred, average="macro"),
        "fit_seconds": fit_seconds,
    }


# %% compare-strategies
import pandas as pd


def compare_strategies(results):
    rows = []
    for strategy, result in results.items():
        row = {"strategy": strategy}
        for column in ["accuracy", "macro_f1", "trainable_parameters", "seconds"]:
            row[column] = result[column]
        rows.append(row)
    table = pd.DataFrame(rows)
    table = table.sort_values("accuracy", ascending=False)
    return table.reset_index(drop=True)


# %% compare-backbones
import time

import numpy as np
import pandas as pd
import torchvision
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def without_head(name):
    network = torchvision.models.get_model(name, weights="DEFAULT")
    if name.startswith(("resnet", "shufflenet")):
        network.fc = nn.Identity()
    elif name.startswith("squeezenet"):
        network.classifier = nn.AdaptiveAvgPool2d(1)
    else:
        network.classifier = nn.Identity()
    return network


def features_of(network, loader, device):
    features, labels = [], []
    with torch.no_grad():
        for images, targets in loader:
            images = images.repeat(1, 3, 1, 1)
            features.append(network(images.to(device)).flatten(1).cpu().numpy())
            labels.append(targets.numpy())
    return np.concatenate(features), np.concatenate(labels)


def compare_backbones(names, train_loader, test_loader, device=None):
    device = device or torch.device("cpu")
    rows = []
    for name in names:
        network = without_head(name).to(device)
        network.eval()
        parameters = sum(parameter.numel() for parameter in network.parameters())
        start = time.perf_counter()
        X_train, y_train = features_of(network, train_loader, device)
        X_test, y_test = features_of(network, test_loader, device)
        seconds = time.perf_counter() - start
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        probe.fit(X_train, y_train)
        y_pred = probe.predict(X_test)
        rows.append(
            {
                "name": name,
                "parameters": parameters,
                "feature_dim": X_train.shape[1],
                "accuracy": accuracy_score(y_test, y_pred),
                "macro_f1": f1_score(y_test, y_pred, average="macro"),
                "seconds": seconds,
            }
        )
    return pd.DataFrame(rows)

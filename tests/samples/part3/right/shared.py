# %% transfer-model
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2


class TransferLearningModel(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.colours = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False))
        self.model = mobilenet_v2(weights=MobileNet_V2_Weights.IMAGENET1K_V2)
        self.model.features.requires_grad_(False)
        self.model.classifier[1] = nn.Linear(self.model.classifier[1].in_features, num_classes)

    def forward(self, x):
        maps = self.model.features(self.colours(x))
        return self.model.classifier(maps.mean([2, 3]))

    def unfreeze_layers(self, num_layers):
        n = len(self.model.features)
        for number, block in enumerate(self.model.features):
            if number >= n - num_layers:
                block.requires_grad_(True)


# %% feature-extraction
def modes_for_training(model):
    """Train mode for what is trainable; what is frozen stays in eval mode."""
    model.train()
    for layer in model.modules():
        own = list(layer.parameters(recurse=False))
        if own and not any(p.requires_grad for p in own):
            layer.eval()


def go_over(model, loader, device, optimizer=None):
    total = right = n = 0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        out = model(x)
        loss = F.cross_entropy(out, y, reduction="sum")
        if optimizer is not None:
            optimizer.zero_grad()
            (loss / len(y)).backward()
            optimizer.step()
        total += loss.item()
        right += (out.argmax(1) == y).sum().item()
        n += len(y)
    return {"loss": total / n, "accuracy": right / n}


def train_open_parts(model, train_loader, val_loader, epochs, learning_rate, device):
    device = device if device is not None else torch.device("cpu")
    model.to(device)
    optimizer = optim.Adam((p for p in model.parameters() if p.requires_grad), lr=learning_rate)
    history = {}
    for _ in range(epochs):
        modes_for_training(model)
        found = {"train": go_over(model, train_loader, device, optimizer)}
        model.eval()
        with torch.no_grad():
            found["val"] = go_over(model, val_loader, device)
        for kind, values in found.items():
            for name, value in values.items():
                history.setdefault(f"{kind}_{name}", []).append(value)
    return history


def train_feature_extractor(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    return train_open_parts(model, train_loader, val_loader, epochs, learning_rate, device)


# %% fine-tuning
def fine_tune(model, train_loader, val_loader, num_layers=3, epochs=3, learning_rate=1e-4, device=None):
    model.unfreeze_layers(num_layers)
    return train_open_parts(model, train_loader, val_loader, epochs, learning_rate, device)


# %% progressive-unfreezing
def progressive_unfreezing(model, train_loader, val_loader, phases, device=None):
    whole = {name: [] for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "phase")}
    for number, (num_layers, epochs, learning_rate) in enumerate(phases, start=1):
        part = fine_tune(model, train_loader, val_loader, num_layers, epochs, learning_rate, device)
        part["phase"] = [number] * epochs
        for name, values in part.items():
            whole[name] += values
    return whole


# %% cached-features
def extract_features(backbone, loader, device=None):
    device = device or "cpu"
    began = time.perf_counter()
    backbone = backbone.to(device).eval()
    with torch.no_grad():
        pairs = [(backbone(x.to(device)).cpu(), y) for x, y in loader]
    X, y = (torch.cat(part) for part in zip(*pairs))
    return X, y, time.perf_counter() - began


def linear_probe(train, test):
    scaler = StandardScaler().fit(train[0])
    probe = LogisticRegression(max_iter=2000)
    began = time.perf_counter()
    probe.fit(scaler.transform(train[0]), train[1])
    seconds = time.perf_counter() - began
    found = probe.predict(scaler.transform(test[0]))
    return {
        "accuracy": float(accuracy_score(test[1], found)),
        "macro_f1": float(f1_score(test[1], found, average="macro")),
        "fit_seconds": seconds,
    }


# %% compare-strategies
def compare_strategies(results):
    table = pd.DataFrame.from_dict(results, orient="index")
    table = table.sort_values("accuracy", ascending=False)
    return table.rename_axis("strategy").reset_index()


# %% compare-backbones
class Greys(nn.Module):
    """A backbone for grey images."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, x):
        return self.backbone(x.repeat(1, 3, 1, 1))


def compare_backbones(names, train_loader, test_loader, device=None):
    rows = []
    for name in names:
        backbone = Greys(backbones.feature_extractor(backbones.build(name)))
        train = extract_features(backbone, train_loader, device)
        test = extract_features(backbone, test_loader, device)
        scores = linear_probe(train, test)
        rows.append(
            {
                "name": name,
                "parameters": sum(p.numel() for p in backbone.parameters()),
                "feature_dim": train[0].shape[1],
                "accuracy": scores["accuracy"],
                "macro_f1": scores["macro_f1"],
                "seconds": train[2] + test[2],
            }
        )
    return pd.DataFrame(rows)

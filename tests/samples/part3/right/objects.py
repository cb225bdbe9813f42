# %% transfer-model
import torchvision


class GreyToColour(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(1, 3, kernel_size=1)
        nn.init.constant_(self.mix.weight, 1.0)
        nn.init.zeros_(self.mix.bias)

    def forward(self, images):
        return self.mix(images)


class TransferLearningModel(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        network = torchvision.models.get_model("mobilenet_v2", weights="DEFAULT")
        for _, weights in network.named_parameters():
            weights.requires_grad_(False)
        network.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(1280, num_classes))
        self.model = network
        self.stem = GreyToColour()

    @property
    def blocks(self):
        return [block for block in self.model.features]

    def forward(self, images):
        return self.model(self.stem(images))

    def unfreeze_layers(self, num_layers):
        opened = self.blocks[::-1][:num_layers]
        for block in opened:
            for weights in block.parameters():
                weights.requires_grad_(True)


# %% feature-extraction
class Meter:
    """Adds up losses and right answers."""

    def __init__(self):
        self.loss, self.right, self.n = 0.0, 0, 0

    def add(self, loss, logits, labels):
        self.loss += float(loss.detach()) * len(labels)
        self.right += int((logits.detach().argmax(dim=1) == labels).sum())
        self.n += len(labels)


class Trainer:
    def __init__(self, model, device=None):
        self.model = model
        self.device = torch.device("cpu") if device is None else torch.device(device)
        self.model.to(self.device)
        self.history = {"train_loss": [], "val_loss": [], "train_accuracy": [], "val_accuracy": []}

    def frozen_norms(self):
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.weight.requires_grad:
                yield module

    def train_epoch(self, loader, optimizer):
        self.model.train()
        for norm in self.frozen_norms():
            norm.eval()
        meter = Meter()
        for images, labels in loader:
            images, labels = images.to(self.device), labels.to(self.device)
            optimizer.zero_grad()
            logits = self.model(images)
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            meter.add(loss, logits, labels)
        return meter

    @torch.no_grad()
    def validate(self, loader):
        self.model.eval()
        meter = Meter()
        for images, labels in loader:
            images, labels = images.to(self.device), labels.to(self.device)
            logits = self.model(images)
            meter.add(F.cross_entropy(logits, labels), logits, labels)
        return meter

    def fit(self, train_loader, val_loader, optimizer, epochs):
        for _ in range(epochs):
            for kind, meter in (
                ("train", self.train_epoch(train_loader, optimizer)),
                ("val", self.validate(val_loader)),
            ):
                self.history[f"{kind}_loss"].append(meter.loss / meter.n)
                self.history[f"{kind}_accuracy"].append(meter.right / meter.n)
        return self.history


def train_feature_extractor(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    return Trainer(model, device).fit(train_loader, val_loader, optimizer, epochs)


# %% fine-tuning
def fine_tune(model, train_loader, val_loader, num_layers=3, epochs=3, learning_rate=1e-4, device=None):
    model.unfreeze_layers(num_layers)
    optimizer = optim.RMSprop(model.parameters(), lr=learning_rate)
    return Trainer(model, device).fit(train_loader, val_loader, optimizer, epochs)


# %% progressive-unfreezing
def progressive_unfreezing(model, train_loader, val_loader, phases, device=None):
    trainer = Trainer(model, device)
    trainer.history["phase"] = []
    for number, phase in enumerate(phases):
        model.unfreeze_layers(phase[0])
        trainer.fit(train_loader, val_loader, optim.AdamW(model.parameters(), lr=phase[2]), phase[1])
        trainer.history["phase"] += [number for _ in range(phase[1])]
    return trainer.history


# %% cached-features
import numpy as np


class Stopwatch:
    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *error):
        self.seconds = time.monotonic() - self.start


def extract_features(backbone, loader, device=None):
    device = torch.device("cpu") if device is None else device
    mode = backbone.training
    X, y = [], []
    with Stopwatch() as watch, torch.no_grad():
        backbone.to(device)
        backbone.eval()
        for images, labels in loader:
            X.extend(backbone(images.to(device)).cpu().numpy())
            y.extend(labels.tolist())
        backbone.train(mode)
    return np.array(X, dtype=np.float32), np.array(y), watch.seconds


def linear_probe(train, test):
    mean, deviation = np.mean(np.asarray(train[0]), axis=0), np.std(np.asarray(train[0]), axis=0)
    deviation[deviation == 0] = 1

    def scaled(X):
        return (np.asarray(X) - mean) / deviation

    with Stopwatch() as watch:
        probe = LogisticRegression(max_iter=1000, C=1.0).fit(scaled(train[0]), train[1])
    answers = probe.predict(scaled(test[0]))
    accuracy = np.mean(answers == np.asarray(test[1]))
    return {"accuracy": accuracy, "macro_f1": f1_score(test[1], answers, average="macro"), "fit_seconds": watch.seconds}


# %% compare-strategies
class Ranking:
    columns = ("accuracy", "macro_f1", "trainable_parameters", "seconds")

    def __init__(self, results):
        self.ranked = sorted(results.items(), key=lambda item: item[1]["accuracy"], reverse=True)

    def table(self):
        table = {"strategy": [name for name, _ in self.ranked]}
        for column in self.columns:
            table[column] = [values[column] for _, values in self.ranked]
        return pd.DataFrame(table)


def compare_strategies(results):
    return Ranking(results).table()


# %% compare-backbones
import torchvision


class Headless(nn.Module):
    """A pretrained network whose last layer gives what it gets."""

    def __init__(self, name):
        super().__init__()
        self.network = torchvision.models.get_model(name, weights="DEFAULT").eval()
        *_, (self.path, self.last) = [
            (path, layer) for path, layer in self.network.named_modules() if isinstance(layer, (nn.Linear, nn.Conv2d))
        ]
        parent, _, attribute = self.path.rpartition(".")
        setattr(self.network.get_submodule(parent), attribute, nn.Identity())

    def forward(self, images):
        return self.network(torch.cat([images] * 3, dim=1))

    def count(self):
        return sum(p.numel() for p in self.network.parameters())


def compare_backbones(names, train_loader, test_loader, device=None):
    rows = []
    for name in names:
        headless = Headless(name)
        headless.last = None
        train = extract_features(headless, train_loader, device)
        test = extract_features(headless, test_loader, device)
        probe = linear_probe(train, test)
        row = {"name": name, "parameters": headless.count(), "feature_dim": train[0].shape[1]}
        row |= {"accuracy": probe["accuracy"], "macro_f1": probe["macro_f1"], "seconds": train[2] + test[2]}
        rows.append(row)
    return pd.DataFrame(rows)

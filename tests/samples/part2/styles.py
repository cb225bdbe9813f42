"""Right but unusual solutions of Part II's tasks: each keeps every point."""

from functools import partial

from tests.samples.cases import Style, style

_cnn = partial(style, "simple-cnn")
_train = partial(style, "train-model")
_compare = partial(style, "compare-optimizers")
_schedule = partial(style, "lr-scheduling")
_embedding = partial(style, "embedding-mlp")
_embed = partial(style, "embed-dataset")
_evaluate = partial(style, "cross-domain")
_stopping = partial(style, "early-stopping")
_augmentation = partial(style, "augmentation")

_IMPORTS = """
import copy
import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F
import tqdm
from sklearn import metrics
from torch import nn, optim
from torchvision import transforms
from torchvision.transforms import v2


def pick(device):
    return device if device is not None else torch.device("cpu")
"""

_LAZY_CNN = (
    _IMPORTS
    + """

class SimpleCNN(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.LazyConv2d(32, 3, padding="same"),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, 2),
            nn.LazyConv2d(64, 3, padding="same"),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, 2),
            nn.Flatten(),
            nn.LazyLinear(128),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.LazyLinear(10),
        )
"""
)

_BACKWARDS_CNN = (
    _IMPORTS
    + """

class SimpleCNN(nn.Module):
    \"\"\"Layers defined from the last to the first, an adaptive pooling, functions for modules.\"\"\"

    def __init__(self, classes=10, p=0.5, name="cnn"):
        super().__init__()
        self.head = nn.Linear(128, classes)
        self.body = nn.Linear(3136, 128)
        self.b = nn.Conv2d(32, 64, (3, 3), padding=(1, 1))
        self.a = nn.Conv2d(1, 32, (3, 3), padding=(1, 1))
        self.p = p
        self.name = name

    def forward(self, x):
        x = F.adaptive_max_pool2d(F.relu(self.a(x)), (14, 14))
        x = F.adaptive_max_pool2d(F.relu(self.b(x)), (7, 7))
        x = x.view(x.size(0), -1)
        x = F.dropout(self.body(x).clamp(min=0), self.p, training=self.training)
        return self.head(x)
"""
)

_BLOCKS_CNN = (
    _IMPORTS
    + """

class Block(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel_size=3, stride=1, padding=1)

    def forward(self, x):
        # Pooling and ReLU commute.
        return F.max_pool2d(self.conv(x), kernel_size=2).relu()


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(1, 32), Block(32, 64)])
        self.layers = nn.ModuleDict({"hidden": nn.Linear(7 * 7 * 64, 128), "out": nn.Linear(128, 10)})
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        self.calls += 1
        for block in self.blocks:
            x = block(x)
        hidden = F.dropout(self.layers["hidden"](torch.flatten(x, start_dim=1)), p=0.5, training=self.training)
        return self.layers["out"](torch.relu(hidden))
"""
)

_OWN_PARAMETERS_CNN = (
    _IMPORTS
    + """

class SimpleCNN(nn.Module):
    \"\"\"Parameters by hand.\"\"\"

    def __init__(self):
        super().__init__()
        sizes = {"k1": (32, 1, 3, 3), "k2": (64, 32, 3, 3), "w1": (128, 3136), "w2": (10, 128)}
        for name, size in sizes.items():
            fan_in = math.prod(size[1:])
            self.register_parameter(name, nn.Parameter(torch.randn(size) * (2 / fan_in) ** 0.5))
        for name, size in {"c1": 32, "c2": 64, "b1": 128, "b2": 10}.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(size)))

    def forward(self, x):
        x = F.max_pool2d(F.conv2d(x, self.k1, self.c1, padding=1).relu(), 2)
        x = F.max_pool2d(F.conv2d(x, self.k2, self.c2, padding=1).relu(), 2)
        x = F.linear(x.flatten(1), self.w1, self.b1).relu()
        if self.training:
            x = x * (torch.rand_like(x) < 0.5) * 2
        return F.linear(x, self.w2, self.b2)
"""
)

_HIDDEN = "x = self.dropout(F.relu(self.fc1(x)))"

_CNN = [
    _cnn("cnn-flattened-by-place", ("x.flatten(1)", "x.permute(0, 2, 3, 1).reshape(len(x), -1)")),
    _cnn("cnn-lazy-sequential", source=_LAZY_CNN),
    _cnn("cnn-defined-backwards", source=_BACKWARDS_CNN),
    _cnn("cnn-blocks", source=_BLOCKS_CNN),
    _cnn("cnn-parameters-by-hand", source=_OWN_PARAMETERS_CNN),
    _cnn("cnn-dropout-before-relu", (_HIDDEN, "x = F.relu(self.dropout(self.fc1(x)))")),
    _cnn("cnn-extra-arguments", ("def forward(self, x):", "def forward(self, x, verbose=False, *, scale=1.0):")),
    _cnn(
        "cnn-channels-last",
        ("x = x.flatten(1)", "x = x.contiguous(memory_format=torch.channels_last).reshape(len(x), -1)"),
    ),
    _cnn("cnn-moves-input", ("x = x.flatten(1)", "x = x.to(next(self.parameters()).device).flatten(1)")),
    _cnn(
        "cnn-functional-pooling", ("x = self.pool(F.relu(self.conv1(x)))", "x = F.max_pool2d(F.relu(self.conv1(x)), 2)")
    ),
]

_WHILE_TRAIN = """
def train_model(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None, verbose=False):
    \"\"\"While loops, inference mode, sums of losses, tensors for numbers.\"\"\"
    device = pick(device)
    model = model.to(device)
    optimizer = optim.Adam([{"params": model.parameters()}], lr=learning_rate, betas=(0.9, 0.999))
    train_loss, val_loss, train_accuracy, val_accuracy = [], [], [], []
    epoch = 0
    while epoch < epochs:
        model.train(True)
        total = torch.zeros(())
        right = torch.zeros(())
        for x, y in iter(train_loader):
            x, y = x.to(device), y.to(device)
            out = model(x)
            loss = F.cross_entropy(out, y)
            model.zero_grad(set_to_none=False)
            loss.backward()
            optimizer.step()
            total += loss.detach().cpu() * x.shape[0]
            right += torch.eq(out.argmax(1), y).sum().cpu()
        n = len(train_loader.dataset)
        train_loss.append(total / n)
        train_accuracy.append(right / n)
        model.train(False)
        with torch.inference_mode():
            total, right = torch.zeros(()), torch.zeros(())
            for x, y in val_loader:
                x, y = x.to(device), y.to(device)
                out = model(x)
                total += F.cross_entropy(out, y, reduction="sum").cpu()
                right += (out.max(1).indices == y).sum().cpu()
        n = len(val_loader.dataset)
        val_loss.append(total / n)
        val_accuracy.append(right / n)
        epoch += 1
    return dict(val_accuracy=val_accuracy, val_loss=val_loss, train_accuracy=train_accuracy, train_loss=train_loss)
"""

_HELPER_TRAIN = """
def run_epoch(model, loader, criterion, device, optimizer=None):
    training = optimizer is not None
    model.train() if training else model.eval()
    with torch.set_grad_enabled(training):
        losses, hits = [], []
        for batch in loader:
            x, y = (part.to(device) for part in batch)
            logits = model(x)
            each = criterion(logits, y)
            if training:
                for parameter in model.parameters():
                    parameter.grad = None
                each.mean().backward()
                optimizer.step()
            losses += each.tolist()
            hits += (logits.argmax(-1) == y).tolist()
    return float(np.mean(losses)), float(np.mean(hits))


def train_model(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    device = pick(device)
    model.to(device)
    criterion = nn.CrossEntropyLoss(reduction="none")
    optimizer = optim.Adam(model.parameters(), learning_rate)
    history = {}
    for _ in range(epochs):
        for name, values in (
            ("train", run_epoch(model, train_loader, criterion, device, optimizer)),
            ("val", run_epoch(model, val_loader, criterion, device)),
        ):
            for what, value in zip(("loss", "accuracy"), values):
                history.setdefault(f"{name}_{what}", []).append(value)
    return history
"""

_BY_HAND_TRAIN = """
class MyAdam:
    def __init__(self, parameters, lr):
        self.parameters, self.lr, self.t = list(parameters), lr, 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, gradients):
        self.t += 1
        for p, g, m, v in zip(self.parameters, gradients, self.m, self.v):
            m.mul_(0.9).add_(0.1 * g)
            v.mul_(0.999).add_(0.001 * g * g)
            p -= self.lr * (m / (1 - 0.9**self.t)) / ((v / (1 - 0.999**self.t)).sqrt() + 1e-8)


def train_model(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):
    \"\"\"Adam by hand, gradients without backward, log-probabilities for logits, arrays for lists.\"\"\"
    device = pick(device)
    model.to(device)
    adam = MyAdam(model.parameters(), learning_rate)
    history = {name: np.zeros(epochs) for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy")}
    for epoch in range(epochs):
        for name, loader in (("train", train_loader), ("val", val_loader)):
            model.train(name == "train")
            seen = 0
            for x, y in loader:
                x, y = x.to(device), y.to(device)
                with torch.set_grad_enabled(name == "train"):
                    log_p = F.log_softmax(model(x), dim=1)
                    loss = -log_p[torch.arange(len(y)), y].mean()
                if name == "train":
                    adam.step(torch.autograd.grad(loss, list(model.parameters())))
                history[f"{name}_loss"][epoch] += loss.item() * len(y)
                history[f"{name}_accuracy"][epoch] += (log_p.argmax(1) == y).sum().item()
                seen += len(y)
            history[f"{name}_loss"][epoch] /= seen
            history[f"{name}_accuracy"][epoch] /= seen
    return history
"""

_ZERO = "            optimizer.zero_grad()\n"
_STEP = "            optimizer.step()\n"
_ADAM = "optim.Adam(model.parameters(), lr=learning_rate)"

_TRAIN = [
    _train("train-while-loops", source=_WHILE_TRAIN),
    _train("train-helper", source=_HELPER_TRAIN),
    _train("train-adam-by-hand", source=_BY_HAND_TRAIN),
    _train("train-zeroed-after-step", (_ZERO, ""), (_STEP, f"{_STEP}            optimizer.zero_grad()\n")),
    _train(
        "train-zeroed-late", (_ZERO, ""), ("            loss.backward()\n", f"{_ZERO}            loss.backward()\n")
    ),
    _train("train-zeros-kept", (_ZERO, "            optimizer.zero_grad(set_to_none=False)\n")),
    _train(
        "train-adam-of-one-tensor-at-a-time", (_ADAM, "optim.Adam(model.parameters(), lr=learning_rate, foreach=False)")
    ),
    _train("train-adam-fused", (_ADAM, "optim.Adam(model.parameters(), lr=learning_rate, foreach=True)")),
    _train(
        "train-trainable-parameters",
        (_ADAM, "optim.Adam([p for p in model.parameters() if p.requires_grad], lr=learning_rate)"),
    ),
    _train("train-inference-mode", ("torch.no_grad()", "torch.inference_mode()")),
    _train("train-progress-bar", ("in train_loader:", "in __import__('tqdm').tqdm(train_loader, leave=False):")),
    _train(
        "train-sum-of-losses",
        (
            "val_loss += criterion(logits, labels).item() * len(labels)",
            "val_loss += F.cross_entropy(logits, labels, reduction='sum').item()",
        ),
    ),
    _train(
        "train-tensors",
        ("total_loss += loss.item() * len(labels)", "total_loss = total_loss + loss.detach() * len(labels)"),
    ),
    _train(
        "train-accuracy-tensor",
        (
            "correct += (logits.argmax(dim=1) == labels).sum().item()\n            seen",
            "correct = correct + (logits.argmax(dim=1) == labels).sum()\n            seen",
        ),
    ),
    _train(
        "train-softmax-to-predict",
        (
            "correct += (logits.argmax(dim=1) == labels).sum().item()\n            seen",
            "correct += (logits.softmax(dim=1).max(dim=1)[1] == labels).sum().item()\n            seen",
        ),
    ),
    _train(
        "train-more-lists",
        (
            "    return history",
            '    history["epoch"] = list(range(1, epochs + 1))\n    history["best"] = model\n    return history',
        ),
    ),
    _train("train-left-in-train-mode", ("    return history", "    model.train()\n    return history")),
    _train(
        "train-prints",
        ("        model.eval()\n", '        print(f"epoch {epoch}: {total_loss / seen:.4f}")\n        model.eval()\n'),
    ),
    _train(
        "train-looks-first",
        (
            "    for epoch in range(epochs):\n",
            "    model.eval()\n    with torch.no_grad():\n        for images, labels in val_loader:\n"
            "            criterion(model(images.to(device)), labels.to(device))\n    for epoch in range(epochs):\n",
        ),
    ),
    _train(
        "train-one-hot", ("loss = criterion(logits, labels)", "loss = criterion(logits, F.one_hot(labels, 10).float())")
    ),
    _train("train-retains-graph", ("loss.backward()", "loss.backward(retain_graph=True)")),
    _train(
        "train-keeps-best-weights-for-itself",
        ("    return history", "    model.best = copy.deepcopy(model.state_dict())\n    return history"),
    ),
    _train(
        "train-scheduler-that-does-nothing",
        (
            "        model.eval()\n",
            "        optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)\n        model.eval()\n",
        ),
    ),
]

_COPIES_COMPARE = """
def compare_optimizers(
    model_class, train_loader, val_loader, optimizers, epochs=3, learning_rate=1e-3, device=None, seed=0, verbose=True
):
    \"\"\"One template, copied for each optimizer; data reseeded; the names sorted.\"\"\"
    device = pick(device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        template = model_class().to(device)

    def validate(model):
        model.eval()
        with torch.inference_mode():
            hits = torch.cat([model(x.to(device)).argmax(1).cpu() == y for x, y in val_loader])
        return hits.double().mean()

    result = {}
    for name in sorted(optimizers):
        model = copy.deepcopy(template)
        optimizer = optimizers[name](list(model.parameters()), lr=learning_rate)
        result[name] = []
        for _ in range(epochs):
            model.train()
            for x, y in train_loader:
                loss = F.cross_entropy(model(x.to(device)), y.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            result[name].append(validate(model))
    return result
"""

_STATES_COMPARE = """
def compare_optimizers(
    model_class, train_loader, val_loader, optimizers, epochs=3, learning_rate=1e-3, device=None, seed=0
):
    \"\"\"All models first, with the weights of the first one, then epoch by epoch in turn.\"\"\"
    device = pick(device)
    torch.manual_seed(seed)
    models = {name: model_class().to(device) for name in optimizers}
    first = next(iter(models.values())).state_dict()
    for model in models.values():
        model.load_state_dict(first)
    made = {name: make(models[name].parameters(), lr=learning_rate) for name, make in optimizers.items()}
    accuracies = {name: np.zeros(epochs) for name in optimizers}
    for epoch in range(epochs):
        for name, model in models.items():
            model.train()
            for images, labels in train_loader:
                made[name].zero_grad()
                nn.CrossEntropyLoss()(model(images.to(device)), labels.to(device)).backward()
                made[name].step()
            model.eval()
            right = total = 0
            for images, labels in val_loader:
                with torch.no_grad():
                    right += int((model(images.to(device)).argmax(1).cpu() == labels).sum())
                total += labels.size(0)
            accuracies[name][epoch] = right / total
    return accuracies
"""

_COMPARE = [
    _compare("compare-copies", source=_COPIES_COMPARE),
    _compare("compare-all-models-first", source=_STATES_COMPARE),
    _compare(
        "compare-also-losses-kept",
        (
            "                loss.backward()\n",
            "                loss.backward()\n                model.last_loss = loss.item()\n",
        ),
    ),
    _compare("compare-inference-mode", ("torch.no_grad()", "torch.inference_mode()")),
    _compare(
        "compare-positional-rate",
        ("make(model.parameters(), lr=learning_rate)", "make(params=model.parameters(), lr=learning_rate)"),
    ),
    _compare(
        "compare-seeds-everything",
        ("        torch.manual_seed(seed)\n", "        np.random.seed(seed)\n        torch.manual_seed(seed)\n"),
    ),
    _compare(
        "compare-own-seed-scheme", ("        torch.manual_seed(seed)\n", "        torch.manual_seed(3 * seed + 1)\n")
    ),
]

_HELPER_SCHEDULE = """
def train_with_scheduler(
    model, train_loader, val_loader, epochs=15, learning_rate=1e-3, patience=3, factor=0.1, device=None, min_lr=0.0
):
    device = pick(device)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", factor, patience, min_lr=min_lr)
    keys = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr")
    history = {key: [] for key in keys}

    def walk(loader, training):
        loss_sum = hits = count = 0
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            with torch.set_grad_enabled(training):
                z = model(x)
                loss = F.cross_entropy(z, y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += float(loss) * len(y)
            hits += int((z.argmax(1) == y).sum())
            count += len(y)
        return loss_sum / count, hits / count

    for _ in range(epochs):
        rate = scheduler.get_last_lr()[0]
        model.train()
        loss, accuracy = walk(train_loader, True)
        model.eval()
        val_loss, val_accuracy = walk(val_loader, False)
        for key, value in zip(keys, (loss, val_loss, accuracy, val_accuracy, rate)):
            history[key].append(value)
        scheduler.step(val_loss)
    return history
"""

_RULE_BY_HAND = (
    '        scheduler.step(history["val_loss"][-1])\n',
    """        if history["val_loss"][-1] < best:
            best, bad = history["val_loss"][-1], 0
        else:
            bad += 1
        if bad > patience:
            bad = 0
            for group in optimizer.param_groups:
                group["lr"] *= factor
""",
)
_LOG = '        history["lr"].append(optimizer.param_groups[0]["lr"])\n'

_SCHEDULE = [
    _schedule("schedule-helper", source=_HELPER_SCHEDULE),
    _schedule(
        "schedule-rule-by-hand",
        _RULE_BY_HAND,
        ("    for epoch in range(epochs):\n", "    best, bad = float('inf'), 0\n    for epoch in range(epochs):\n"),
    ),
    _schedule("schedule-rate-asked-of-scheduler", (_LOG, '        history["lr"].append(scheduler.get_last_lr()[0])\n')),
    _schedule(
        "schedule-logged-after-training", (_LOG, ""), ("        model.eval()\n", f"        model.eval()\n{_LOG}")
    ),
    _schedule(
        "schedule-stepped-with-tensor",
        ('scheduler.step(history["val_loss"][-1])', 'scheduler.step(torch.tensor(history["val_loss"][-1]))'),
    ),
    _schedule("schedule-absolute-threshold", ("patience=patience)", 'patience=patience, threshold_mode="abs")')),
    _schedule("schedule-no-threshold", ("patience=patience)", "patience=patience, threshold=0.0)")),
    _schedule("schedule-inference-mode", ("torch.no_grad()", "torch.inference_mode()")),
]

_EMBEDDING = [
    _embedding(
        "embedding-sequential",
        source="""
class EmbeddingMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 20))
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(20, 10))

    def features20(self, x):
        return self.body(x)

    def forward(self, x):
        return self.head(self.body(x))
""",
    ),
    _embedding(
        "embedding-lazy",
        source="""
class EmbeddingMLP(nn.Module):
    def __init__(self, n_features=20):
        super().__init__()
        self.out = nn.LazyLinear(10)
        self.mid = nn.LazyLinear(n_features)
        self.first = nn.LazyLinear(30)

    def features20(self, x):
        return self.mid(self.first(x.reshape(len(x), -1)).clamp_min(0))

    def forward(self, x):
        return self.out(self.features20(x).clamp_min(0))
""",
    ),
    _embedding(
        "embedding-hook",
        source="""
class EmbeddingMLP(nn.Sequential):
    def __init__(self):
        layers = (nn.Flatten(), nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10))
        super().__init__(*layers)

    def features20(self, x):
        for layer in list(self)[:4]:
            x = layer(x)
        return x
""",
    ),
    _embedding(
        "embedding-subscripts",
        source="""
class EmbeddingMLP(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [784, 30, 20, 10]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x, upto=3):
        x = torch.flatten(x, 1)
        for i, layer in enumerate(self.layers[:upto]):
            x = layer(torch.relu(x) if i else x)
        return x

    def features20(self, x):
        return self(x, upto=2)
""",
    ),
    _embedding(
        "embedding-keeps-features",
        (
            "return self.fc3(F.relu(self.features20(x)))",
            "self.last = self.features20(x)\n        return self.fc3(torch.relu(self.last))",
        ),
    ),
    _embedding(
        "embedding-initialised",
        (
            "self.fc3 = nn.Linear(20, 10)",
            "self.fc3 = nn.Linear(20, 10)\n        nn.init.xavier_uniform_(self.fc1.weight)",
        ),
    ),
]

_RESTORED = "    model.train(was_training)\n"

_EMBED = [
    _embed(
        "embed-preallocated",
        source="""
def embed_dataset(model, loader, device=None):
    device = pick(device)
    mode = model.training
    model.eval().to(device)
    features = np.zeros((len(loader.dataset), 20), dtype=np.float32)
    labels = np.zeros(len(loader.dataset), dtype=int)
    at = 0
    try:
        with torch.inference_mode():
            for x, y in loader:
                features[at : at + len(y)] = model.features20(x.to(device)).cpu().numpy()
                labels[at : at + len(y)] = y.numpy()
                at += len(y)
    finally:
        model.train(mode)
    return features, labels
""",
    ),
    _embed(
        "embed-decorated",
        source="""
@torch.no_grad()
def embed_dataset(model, loader, device=None):
    device = pick(device)
    modes = [(module, module.training) for module in model.modules()]
    model.to(device).eval()
    pairs = [(model.features20(x.to(device)), y) for x, y in loader]
    for module, mode in modes:
        module.training = mode
    return tuple(torch.cat(parts).cpu() for parts in zip(*pairs))
""",
    ),
    _embed(
        "embed-tensors",
        ("torch.cat(features).numpy(), torch.cat(targets).numpy()", "torch.cat(features), torch.cat(targets)"),
    ),
    _embed(
        "embed-list-of-two",
        (
            "return torch.cat(features).numpy(), torch.cat(targets).numpy()",
            "return [np.concatenate(features), np.concatenate(targets)]",
        ),
    ),
    _embed(
        "embed-mode-by-if",
        (_RESTORED, "    if was_training:\n        model.train()\n    else:\n        model.eval()\n"),
    ),
    _embed("embed-int32-labels", ("torch.cat(targets).numpy()", "torch.cat(targets).numpy().astype(np.int32)")),
]

_EVALUATE = [
    _evaluate(
        "evaluate-by-hand",
        source="""
def evaluate(model, loader, device=None):
    device = pick(device)
    training = model.training
    model.to(device).eval()
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    with torch.inference_mode():
        for x, y in loader:
            for true, answer in zip(y.tolist(), model(x.to(device)).argmax(1).tolist()):
                confusion[true, answer] += 1
    model.train(training)
    hits = confusion.diag().double()
    sizes = confusion.sum(0) + confusion.sum(1)
    f1 = (2 * hits / sizes)[sizes > 0]
    return {"accuracy": hits.sum() / confusion.sum(), "macro_f1": f1.mean(), "confusion": confusion}
""",
    ),
    _evaluate(
        "evaluate-bincount",
        source="""
def evaluate(model, loader, device=None):
    device = pick(device)
    before = model.training
    model.eval()
    model.to(device)
    counts = np.zeros(100)
    with torch.no_grad():
        for x, y in loader:
            answer = F.softmax(model(x.to(device)), dim=1).argmax(dim=1).cpu()
            counts += np.bincount(10 * y.numpy() + answer.numpy(), minlength=100)
    model.train(before)
    confusion = counts.reshape(10, 10)
    true, found, right = confusion.sum(1), confusion.sum(0), np.diag(confusion)
    occurs = true > 0
    precision = np.divide(right, found, out=np.zeros(10), where=found > 0)
    recall = np.divide(right, true, out=np.zeros(10), where=occurs)
    f1 = np.divide(2 * precision * recall, precision + recall, out=np.zeros(10), where=right > 0)
    n = counts.sum()
    return {"macro_f1": f1[occurs].mean(), "confusion": confusion, "accuracy": right.sum() / n, "n": n}
""",
    ),
    _evaluate("evaluate-list-for-matrix", ("labels=range(10)),", "labels=range(10)).tolist(),")),
    _evaluate(
        "evaluate-report",
        (
            'f1_score(y_true, y_pred, average="macro")',
            '__import__("sklearn.metrics").metrics.classification_report(y_true, y_pred, '
            'output_dict=True)["macro avg"]["f1-score"]',
        ),
    ),
    _evaluate(
        "evaluate-accuracy-tensor", ("accuracy_score(y_true, y_pred)", "torch.tensor(y_true == y_pred).float().mean()")
    ),
    _evaluate("evaluate-inference-mode", ("torch.no_grad()", "torch.inference_mode()")),
]

_SNAPSHOT = "            best_weights = copy.deepcopy(model.state_dict())\n"

_STOPPING = [
    _stopping(
        "stopping-clones",
        (
            _SNAPSHOT,
            "            best_weights = {name: values.clone() for name, values in model.state_dict().items()}\n",
        ),
    ),
    _stopping(
        "stopping-file",
        (
            _SNAPSHOT,
            "            file = __import__('io').BytesIO()\n            torch.save(model.state_dict(), file)\n"
            "            file.seek(0)\n            best_weights = torch.load(file)\n",
        ),
    ),
    _stopping("stopping-copies-model", (_SNAPSHOT, "            best_weights = copy.deepcopy(model).state_dict()\n")),
    _stopping(
        "stopping-at-most", ('if history["val_loss"][-1] < best_loss:', 'if history["val_loss"][-1] <= best_loss:')
    ),
    _stopping(
        "stopping-counts-back",
        (
            "            if waited >= patience:\n",
            "            if len(history['val_loss']) - int(np.argmin(history['val_loss'])) > patience:\n",
        ),
    ),
    _stopping(
        "stopping-sgd",
        (
            "optim.Adam(model.parameters(), lr=learning_rate)",
            "optim.SGD(model.parameters(), lr=10 * learning_rate, momentum=0.9)",
        ),
    ),
    _stopping("stopping-adamw", ("optim.Adam(", "optim.AdamW(")),
    _stopping(
        "stopping-small-delta",
        ('if history["val_loss"][-1] < best_loss:', 'if history["val_loss"][-1] < best_loss - 1e-6:'),
    ),
    _stopping(
        "stopping-restores-in-place",
        (
            "    model.load_state_dict(best_weights)\n",
            "    with torch.no_grad():\n        for name, values in model.named_parameters():\n"
            "            values.copy_(best_weights[name])\n",
        ),
    ),
    _stopping(
        "stopping-more-in-history", ("    return history", '    history["best_loss"] = best_loss\n    return history')
    ),
    _stopping(
        "stopping-tests-once-more",
        (
            "    return history",
            "    model.eval()\n    with torch.no_grad():\n        for images, labels in val_loader:\n"
            "            model(images.to(device))\n    return history",
        ),
    ),
]

_AFFINE = "transforms.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1))"

_AUGMENTATION = [
    _augmentation("augmentation-rotation", (_AFFINE, "transforms.RandomRotation(15)")),
    _augmentation(
        "augmentation-compose",
        (_AFFINE, "transforms.Compose([transforms.RandomRotation(10), transforms.RandomCrop(28, padding=2)])"),
    ),
    _augmentation(
        "augmentation-v2",
        (
            _AFFINE,
            "__import__('torchvision.transforms.v2').transforms.v2.RandomAffine(12, translate=(0.07, 0.07), shear=8)",
        ),
    ),
    _augmentation(
        "augmentation-module",
        (_AFFINE, "nn.Sequential(transforms.RandomRotation(12), transforms.RandomErasing(p=0.3, scale=(0.02, 0.1)))"),
    ),
    _augmentation("augmentation-resized-crop", (_AFFINE, "transforms.RandomResizedCrop(28, scale=(0.8, 1.0))")),
    _augmentation("augmentation-perspective", (_AFFINE, "transforms.RandomPerspective(distortion_scale=0.2)")),
    _augmentation("augmentation-elastic", (_AFFINE, "transforms.ElasticTransform(alpha=20.0)")),
    _augmentation(
        "augmentation-noise", (_AFFINE, "transforms.Lambda(lambda x: (x + 0.1 * torch.randn_like(x)).clamp(0, 1))")
    ),
    _augmentation("augmentation-brightness", (_AFFINE, "transforms.ColorJitter(brightness=0.3)")),
    _augmentation("augmentation-blur", (_AFFINE, "transforms.GaussianBlur(3)")),
    _augmentation("augmentation-now-and-then", (_AFFINE, f"transforms.RandomApply([{_AFFINE}], p=0.7)")),
    _augmentation(
        "augmentation-shift-by-hand",
        (_AFFINE, "transforms.Lambda(lambda x: torch.roll(x, tuple(torch.randint(-2, 3, (2,)).tolist()), (1, 2)))"),
    ),
]

STYLES: list[Style] = [
    *_CNN,
    *_TRAIN,
    *_COMPARE,
    *_SCHEDULE,
    *_EMBEDDING,
    *_EMBED,
    *_EVALUATE,
    *_STOPPING,
    *_AUGMENTATION,
]

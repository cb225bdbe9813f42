"""Right but unusual solutions of Part III's tasks: each keeps every point."""

from functools import partial

from tests.samples.cases import Style, style

_transfer = partial(style, "transfer-model")
_extraction = partial(style, "feature-extraction")
_tuning = partial(style, "fine-tuning")
_progressive = partial(style, "progressive-unfreezing")
_cached = partial(style, "cached-features")
_strategies = partial(style, "compare-strategies")
_backbones = partial(style, "compare-backbones")

_IMPORTS = """
import copy
import time
from collections import defaultdict

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
import torchvision
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn, optim
"""

# --- the network --------------------------------------------------------------------------------------------------

_HOOKED = (
    _IMPORTS
    + """

class TransferLearningModel(nn.Module):
    \"\"\"The convolution works as a hook of the backbone; everything is frozen by one call.\"\"\"

    def __init__(self, num_classes=10):
        super().__init__()
        self.model = torchvision.models.mobilenet_v2(weights="IMAGENET1K_V2").requires_grad_(False)
        self.model.classifier = nn.Linear(1280, num_classes)
        self.grey = nn.Conv2d(1, 3, 1)
        self.model.register_forward_pre_hook(lambda module, inputs: (self.grey(inputs[0]),))

    def forward(self, x):
        return self.model(x)

    def unfreeze_layers(self, num_layers):
        if num_layers > 0:
            self.model.features[-min(num_layers, len(self.model.features)) :].requires_grad_()
"""
)

_FUNCTIONAL = (
    _IMPORTS
    + """

class TransferLearningModel(nn.Module):
    \"\"\"A bare weight and a bare bias, functions for modules.\"\"\"

    def __init__(self, num_classes=10):
        super().__init__()
        backbone = torchvision.models.mobilenet_v2(weights=torchvision.models.MobileNet_V2_Weights.DEFAULT)
        for p in backbone.features.parameters():
            p.requires_grad_(False)
        backbone.classifier[1] = nn.Linear(backbone.last_channel, num_classes)
        self.model = backbone
        self.w = nn.Parameter(torch.randn(3, 1, 1, 1))
        self.b = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        x = F.conv2d(x, self.w, self.b)
        x = self.model.features(x)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.model.classifier(x)

    def unfreeze_layers(self, num_layers):
        n = len(self.model.features)
        for i, block in enumerate(self.model.features):
            if i >= n - num_layers:
                for p in block.parameters():
                    p.requires_grad_(True)
"""
)

_MERGED = (
    _IMPORTS
    + """

class TransferLearningModel(nn.Module):
    \"\"\"The convolution stands in the first block, before the backbone's own first layer.\"\"\"

    def __init__(self, num_classes=10, dropout=0.3):
        super().__init__()
        self.model = torchvision.models.mobilenet_v2(weights="DEFAULT")
        for p in self.parameters():
            p.requires_grad = False
        self.model.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(1280, num_classes, bias=False))
        self.model.features[0] = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), self.model.features[0])

    def forward(self, x):
        return self.model(x)

    def unfreeze_layers(self, num_layers):
        for block in list(reversed(self.model.features))[:num_layers]:
            for p in block.parameters():
                p.requires_grad = True
"""
)

_PREPENDED = _MERGED.replace(
    "self.model.features[0] = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), self.model.features[0])",
    "self.model.features = nn.Sequential(nn.Conv2d(1, 3, 1), *self.model.features)",
)

_BY_HELPERS = (
    _IMPORTS
    + """
from helpers import backbones


class TransferLearningModel(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.model = backbones.freeze(backbones.build("mobilenet_v2", num_classes=num_classes))
        self.front = nn.Sequential(nn.Conv2d(1, 3, kernel_size=(1, 1)))

    def forward(self, x):
        return self.model(self.front(x))

    def unfreeze_layers(self, num_layers):
        backbones.unfreeze_last(self.model, num_layers)
"""
)

_SEQUENTIAL = (
    _IMPORTS
    + """

class TransferLearningModel(nn.Sequential):
    \"\"\"A row of two modules; the backbone stays in eval mode whatever is asked.\"\"\"

    def __init__(self, num_classes=10):
        backbone = torchvision.models.get_model("mobilenet_v2", weights="DEFAULT")
        backbone.requires_grad_(False)
        backbone.classifier = nn.Sequential(nn.Dropout(p=0.5), nn.LazyLinear(num_classes))
        super().__init__()
        self.add_module("front", nn.LazyConv2d(3, 1))
        self.add_module("model", backbone)

    def train(self, mode=True):
        super().train(mode)
        for block in self.model.features:
            if not any(p.requires_grad for p in block.parameters()):
                block.eval()
        return self

    def unfreeze_layers(self, num_layers):
        blocks = list(self.model.features.children())
        while num_layers > 0 and blocks:
            blocks.pop().requires_grad_(True)
            num_layers -= 1
"""
)

_LOADED = (
    _IMPORTS
    + """

class TransferLearningModel(nn.Module):
    \"\"\"The checkpoint is loaded by hand.\"\"\"

    def __init__(self, num_classes=10, pretrained=True):
        super().__init__()
        self.model = torchvision.models.mobilenet_v2()
        if pretrained:
            weights = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1
            self.model.load_state_dict(weights.get_state_dict(progress=False))
        for name, p in self.model.named_parameters():
            p.requires_grad = name.startswith("classifier")
        self.model.classifier[-1] = nn.Linear(in_features=1280, out_features=num_classes)
        self.adapt = nn.Conv2d(in_channels=1, out_channels=3, kernel_size=1)
        nn.init.constant_(self.adapt.weight, 1.0)
        nn.init.zeros_(self.adapt.bias)

    def forward(self, x):
        return self.model.forward(self.adapt.forward(x))

    def unfreeze_layers(self, num_layers):
        n = len(self.model.features)
        for i in range(n - 1, max(-1, n - 1 - num_layers), -1):
            for p in self.model.features[i].parameters():
                p.requires_grad = True
"""
)

_TRANSFER = [
    _transfer("transfer-hooked", source=_HOOKED),
    _transfer("transfer-functional", source=_FUNCTIONAL),
    _transfer("transfer-in-first-block", source=_MERGED),
    _transfer("transfer-prepended", source=_PREPENDED),
    _transfer("transfer-by-helpers", source=_BY_HELPERS),
    _transfer("transfer-sequential", source=_SEQUENTIAL),
    _transfer("transfer-loaded", source=_LOADED),
    _transfer("transfer-deprecated", ('weights="DEFAULT"', "pretrained=True")),
    _transfer("transfer-first-version", ('weights="DEFAULT"', 'weights="IMAGENET1K_V1"')),
    _transfer(
        "transfer-bare-classifier",
        ("nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))", "nn.Linear(1280, num_classes)"),
    ),
    _transfer("transfer-no-bias", ("kernel_size=1)", "kernel_size=1, bias=False)")),
    _transfer("transfer-inplace-dropout", ("nn.Dropout(0.2)", "nn.Dropout(p=0.9, inplace=True)")),
    _transfer(
        "transfer-returns-itself",
        (
            "                parameter.requires_grad = True",
            "                parameter.requires_grad = True\n        return self",
        ),
    ),
]

# --- trainers -----------------------------------------------------------------------------------------------------

_LOOP = (
    _IMPORTS
    + """

NORMS = nn.modules.batchnorm._BatchNorm


def is_frozen(module):
    parameters = list(module.parameters())
    return len(parameters) > 0 and not any(p.requires_grad for p in parameters)


def prepare(model):
    model.train()
    for module in model.modules():
        if is_frozen(module):
            module.eval()


def run(model, loader, device, step=None):
    total, right, n = 0.0, 0, 0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        out = model(x)
        loss = F.cross_entropy(out, y)
        if step is not None:
            step(loss)
        total += float(loss.detach()) * x.shape[0]
        right += int((out.detach().max(1).indices == y).sum())
        n += x.shape[0]
    return total / n, right / n


def fit(model, loaders, optimizer, epochs, device, history=None, prepare=prepare):
    device = device or "cpu"
    model.to(device)
    history = history or {k: [] for k in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")}

    def step(loss):
        model.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    for _ in range(epochs):
        prepare(model)
        a = run(model, loaders[0], device, step)
        model.eval()
        with torch.inference_mode():
            b = run(model, loaders[1], device)
        for key, value in zip(("train_loss", "train_accuracy", "val_loss", "val_accuracy"), a + b):
            history[key].append(value)
    return history


def trainable(model):
    return [p for p in model.parameters() if p.requires_grad]
"""
)
_EXTRACTOR = (
    "\n\ndef train_feature_extractor(model, train_loader, val_loader, epochs=5, learning_rate=1e-3, device=None):\n"
)
_TUNER = (
    "\n\ndef fine_tune(model, train_loader, val_loader, num_layers=3, epochs=3, learning_rate=1e-4, device=None):\n"
)
_UNFREEZER = "\n\ndef progressive_unfreezing(model, train_loader, val_loader, phases, device=None):\n"
_BOTH = "(train_loader, val_loader)"


def _fit(head: str, body: str, loop: str = _LOOP) -> str:
    return loop + head + "".join(f"    {line}\n" for line in body.splitlines())


_FIT_ADAM = f"return fit(model, {_BOTH}, optim.Adam(trainable(model), lr=learning_rate), epochs, device)"
_BY_TYPE = """
def freeze_norms(model):
    model.train()
    for m in model.modules():
        if isinstance(m, NORMS) and m.weight is not None and not m.weight.requires_grad:
            m.train(False)
"""
_NO_MOMENTUM = """
def freeze_norms(model):
    model.train()
    for m in model.modules():
        if isinstance(m, NORMS) and not m.weight.requires_grad:
            m.momentum = 0.0
"""
_HOOK = """
def freeze_norms(model):
    model.train()


def stay_in_eval(module, inputs):
    if not any(p.requires_grad for p in module.parameters()):
        module.eval()
"""
_RESTORED = """
class Keeper:
    \"\"\"Puts the statistics of frozen batch norm back behind each batch.\"\"\"

    def __init__(self, model):
        self.norms = [m for m in model.modules() if isinstance(m, NORMS) and not m.weight.requires_grad]
        self.kept = [copy.deepcopy(m.state_dict()) for m in self.norms]

    def restore(self):
        for m, state in zip(self.norms, self.kept):
            m.load_state_dict(state)
"""

_EXTRACTION = [
    _extraction("extraction-shared-loop", source=_fit(_EXTRACTOR, _FIT_ADAM)),
    _extraction(
        "extraction-filter",
        (
            "[parameter for parameter in model.parameters() if parameter.requires_grad]",
            "filter(lambda p: p.requires_grad, model.parameters())",
        ),
    ),
    _extraction("extraction-adamw", ("torch.optim.Adam(", "torch.optim.AdamW(")),
    _extraction(
        "extraction-groups",
        source=_fit(
            _EXTRACTOR,
            "groups = [{'params': [p]} for p in trainable(model)]\n"
            "optimizer = optim.Adam(groups, learning_rate)\n"
            f"return fit(model, {_BOTH}, optimizer, epochs, device)",
        ),
    ),
    _extraction(
        "extraction-norms-by-type",
        source=_fit(_EXTRACTOR, _FIT_ADAM.replace("device)", "device, None, freeze_norms)"), _LOOP + _BY_TYPE),
    ),
    _extraction(
        "extraction-no-momentum",
        source=_fit(_EXTRACTOR, _FIT_ADAM.replace("device)", "device, None, freeze_norms)"), _LOOP + _NO_MOMENTUM),
    ),
    _extraction(
        "extraction-hooks",
        source=_fit(
            _EXTRACTOR,
            "hooks = [b.register_forward_pre_hook(stay_in_eval) for b in model.model.features]\n"
            "optimizer = optim.Adam(trainable(model), lr=learning_rate)\n"
            f"history = fit(model, {_BOTH}, optimizer, epochs, device, None, freeze_norms)\n"
            "[hook.remove() for hook in hooks]\n"
            "return history",
            _LOOP + _HOOK,
        ),
    ),
    _extraction(
        "extraction-patched-train",
        source=_fit(
            _EXTRACTOR,
            "backbone = model.model.features.eval()\n"
            "backbone.train = lambda mode=True: backbone\n"
            "optimizer = optim.Adam(trainable(model), lr=learning_rate)\n"
            f"history = fit(model, {_BOTH}, optimizer, epochs, device, None, lambda m: m.train())\n"
            "del backbone.train\n"
            "return history",
        ),
    ),
    _extraction(
        "extraction-statistics-restored",
        source=_fit(
            _EXTRACTOR,
            "keeper = Keeper(model)\n"
            "hook = optim.Optimizer.register_step_post_hook\n"
            "optimizer = optim.Adam(trainable(model), lr=learning_rate)\n"
            "hook(optimizer, lambda *_: keeper.restore())\n"
            f"return fit(model, {_BOTH}, optimizer, epochs, device, None, lambda m: m.train())",
            _LOOP + _RESTORED,
        ),
    ),
    _extraction(
        "extraction-arrays",
        (
            "    return history",
            "    return {key: np.array(values, dtype=np.float32) for key, values in history.items()}",
        ),
    ),
    _extraction(
        "extraction-tensors",
        ("    return history", "    return {key: torch.tensor(values) for key, values in history.items()}"),
    ),
    _extraction(
        "extraction-zeroed-last",
        ("            optimizer.zero_grad()\n", ""),
        ("            optimizer.step()\n", "            optimizer.step()\n            optimizer.zero_grad()\n"),
    ),
    _extraction(
        "extraction-clipped",
        (
            "            optimizer.step()\n",
            "            nn.utils.clip_grad_norm_(trainable, 5.0)\n            optimizer.step()\n",
        ),
    ),
    _extraction(
        "extraction-more-parameters",
        ("learning_rate=1e-3, device=None", "learning_rate=1e-3, device=None, verbose=False, weight_decay=0.0"),
        ("lr=learning_rate", "lr=learning_rate, weight_decay=weight_decay"),
    ),
    _extraction("extraction-more-keys", ("    return history", '    history["seconds"] = 0.0\n    return history')),
    _extraction(
        "extraction-measured-first",
        (
            "    for epoch in range(epochs):",
            "    model.eval()\n    with torch.no_grad():\n        [model(x) for x, _ in val_loader]\n"
            "    for epoch in range(epochs):",
        ),
    ),
    _extraction(
        "extraction-scheduled",
        ("    criterion = ", "    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)\n    criterion = "),
        ('        history["val_loss"]', '        schedule.step()\n        history["val_loss"]'),
    ),
]

_SGD = "torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)"
_ADAM_OF_ALL = "torch.optim.Adam(model.parameters(), lr=learning_rate)"

_TUNING = [
    _tuning("tuning-shared-loop", source=_fit(_TUNER, f"model.unfreeze_layers(num_layers)\n{_FIT_ADAM}")),
    _tuning(
        "tuning-by-extractor",
        source=_IMPORTS
        + _TUNER
        + "    model.unfreeze_layers(num_layers)\n"
        + "    return train_feature_extractor(model, train_loader, val_loader, epochs, learning_rate, device)\n",
    ),
    _tuning("tuning-sgd", (_ADAM_OF_ALL, _SGD)),
    _tuning("tuning-plain-sgd", (_ADAM_OF_ALL, "torch.optim.SGD(model.parameters(), lr=learning_rate)")),
    _tuning("tuning-rmsprop", (_ADAM_OF_ALL, "torch.optim.RMSprop(model.parameters(), lr=learning_rate)")),
    _tuning(
        "tuning-two-rates",
        (
            _ADAM_OF_ALL,
            "torch.optim.AdamW([{'params': model.model.features.parameters(), 'lr': learning_rate / 3},"
            " {'params': [p for n, p in model.named_parameters() if 'features' not in n]}], lr=learning_rate)",
        ),
    ),
    _tuning(
        "tuning-trainable-alone",
        (
            "torch.optim.Adam(model.parameters(),",
            "torch.optim.Adam([p for p in model.parameters() if p.requires_grad],",
        ),
    ),
    _tuning(
        "tuning-all-features-eval",
        (
            """        for block in model.model.features:
            if not any(parameter.requires_grad for parameter in block.parameters()):
                block.eval()
""",
            "        model.model.features.eval()\n",
        ),
    ),
    _tuning(
        "tuning-unfreezes-each-epoch",
        (
            "    for epoch in range(epochs):\n",
            "    for epoch in range(epochs):\n        model.unfreeze_layers(num_layers)\n",
        ),
    ),
    _tuning(
        "tuning-norms-by-type",
        source=_fit(
            _TUNER,
            "model.unfreeze_layers(num_layers=num_layers)\n"
            + _FIT_ADAM.replace("device)", "device, None, freeze_norms)"),
            _LOOP + _BY_TYPE,
        ),
    ),
    _tuning(
        "tuning-first-blocks-eval",
        (
            """        for block in model.model.features:
            if not any(parameter.requires_grad for parameter in block.parameters()):
                block.eval()
""",
            "        model.model.features[: max(len(model.model.features) - num_layers, 0)].eval()\n",
        ),
    ),
]

_JOINED = """history = defaultdict(list)
for number, (num_layers, epochs, learning_rate) in enumerate(phases, start=1):
    part = fine_tune(model, train_loader, val_loader, num_layers, epochs, learning_rate, device)
    for key, values in part.items():
        history[key].extend(values)
    history["phase"] += [number] * epochs
return history"""

_PROGRESSIVE = [
    _progressive("progressive-by-fine-tune", source=_IMPORTS + _fit(_UNFREEZER, _JOINED, "")),
    _progressive(
        "progressive-by-extractor",
        source=_IMPORTS
        + _fit(
            _UNFREEZER,
            _JOINED.replace(
                "fine_tune(model, train_loader, val_loader, num_layers, epochs,",
                "(model.unfreeze_layers(num_layers), train_feature_extractor(model, train_loader, val_loader, epochs,",
            ).replace("learning_rate, device)", "learning_rate, device))[1]"),
            "",
        ),
    ),
    _progressive(
        "progressive-shared-loop",
        source=_fit(
            _UNFREEZER,
            "history = {}\nnumbers = []\nfor number, phase in enumerate(phases):\n"
            "    n, epochs, lr = phase\n    model.unfreeze_layers(n)\n"
            f"    history = fit(model, {_BOTH}, optim.Adam(trainable(model), lr=lr), epochs, device, history)\n"
            "    numbers += epochs * [number]\nreturn {**history, 'phase': np.array(numbers)}",
        ),
    ),
    _progressive(
        "progressive-groups-added",
        source=_fit(
            _UNFREEZER,
            "history, numbers, optimizer = {}, [], optim.AdamW(trainable(model), lr=1e-3)\n"
            "for number, (n, epochs, lr) in enumerate(phases):\n"
            "    known = {id(p) for g in optimizer.param_groups for p in g['params']}\n"
            "    model.unfreeze_layers(n)\n"
            "    new = [p for p in trainable(model) if id(p) not in known]\n"
            "    if new:\n        optimizer.add_param_group({'params': new})\n"
            "    for group in optimizer.param_groups:\n        group['lr'] = lr\n"
            f"    history = fit(model, {_BOTH}, optimizer, epochs, device, history)\n"
            "    numbers.extend([number + 1] * epochs)\nhistory['phase'] = numbers\nreturn history",
        ),
    ),
    _progressive("progressive-sgd", (_ADAM_OF_ALL, _SGD)),
    _progressive("progressive-from-one", ("enumerate(phases)", "enumerate(phases, 1)")),
    _progressive("progressive-floats", ("append(phase)", "append(float(phase))")),
    _progressive(
        "progressive-arrays",
        ("    return history", "    return {key: np.asarray(values) for key, values in history.items()}"),
    ),
    _progressive(
        "progressive-trainable-alone",
        (
            "torch.optim.Adam(model.parameters(),",
            "torch.optim.Adam([p for p in model.parameters() if p.requires_grad],",
        ),
    ),
    _progressive(
        "progressive-best-copied",
        (
            "        for epoch in range(epochs):\n",
            "        best = {key: v.clone() for key, v in model.state_dict().items()}\n"
            "        model.load_state_dict(best)\n        for epoch in range(epochs):\n",
        ),
    ),
]

# --- cached features and the probe --------------------------------------------------------------------------------

_PREALLOCATED = (
    _IMPORTS
    + """

@torch.inference_mode()
def extract_features(backbone, loader, device=None, verbose=False):
    \"\"\"Tensors, filled batch by batch; the mode is put back.\"\"\"
    t0 = time.monotonic()
    mode = backbone.training
    backbone.train(False)
    features = labels = None
    at, n = 0, len(loader.dataset)
    for x, y in loader:
        z = backbone(x.to(device or "cpu")).to("cpu", torch.float32)
        if features is None:
            features = torch.empty(n, z.shape[1])
            labels = torch.empty(n, dtype=torch.long)
        features[at : at + len(z)], labels[at : at + len(z)] = z, y
        at += len(z)
    backbone.train(mode)
    return features, labels, time.monotonic() - t0


def linear_probe(train, test):
    X, y, *_ = train
    X_test, y_test, *_ = test
    mean, deviation = X.mean(0), X.std(0) + 1e-12
    model = LogisticRegression(C=0.5, solver="newton-cholesky")
    t0 = time.monotonic()
    model.fit((X - mean) / deviation, y)
    seconds = time.monotonic() - t0
    answers = model.predict((X_test - mean) / deviation)
    f1 = metrics.f1_score(y_test, answers, average="macro")
    return dict(accuracy=np.mean(answers == y_test), macro_f1=f1, fit_seconds=seconds)
"""
)
_PIPED = (
    _IMPORTS
    + """

def extract_features(backbone, loader, device=None):
    backbone.eval()
    start = time.time()
    with torch.no_grad():
        pairs = [(backbone(x), y) for x, y in loader]
    seconds = time.time() - start
    zs, ys = zip(*pairs)
    return [torch.cat(zs).numpy().astype("float32"), torch.cat(ys).tolist(), np.float64(seconds)]


def linear_probe(train, test):
    probe = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression(C=10, max_iter=5000, tol=1e-6))])
    start = time.perf_counter()
    probe.fit(train[0], train[1])
    seconds = time.perf_counter() - start
    report = metrics.classification_report(test[1], probe.predict(test[0]), output_dict=True, zero_division=0)
    f1 = report["macro avg"]["f1-score"]
    return {"accuracy": probe.score(test[0], test[1]), "macro_f1": f1, "fit_seconds": seconds}
"""
)

_CACHED = [
    _cached("cached-preallocated", source=_PREALLOCATED),
    _cached("cached-piped", source=_PIPED),
    _cached(
        "cached-tensors",
        ("    features = np.concatenate(features)\n", "    features = torch.from_numpy(np.concatenate(features))\n"),
    ),
    _cached("cached-detached", ("backbone(x).cpu()", "backbone(x).detach().cpu()")),
    _cached(
        "cached-mode-restored",
        ("    backbone.eval()\n", "    was_training = backbone.training\n    backbone.eval()\n"),
        (
            "    return features, labels, seconds",
            "    backbone.train(was_training)\n    return features, labels, seconds",
        ),
    ),
    _cached("cached-frozen", ("    backbone.eval()\n", "    backbone.requires_grad_(False).eval()\n")),
    _cached("cached-firm-penalty", ("max_iter=1000", "max_iter=1000, C=0.01")),
    _cached("cached-very-firm-penalty", ("max_iter=1000", "max_iter=1000, C=0.001")),
    _cached("cached-hardly-a-penalty", ("max_iter=1000", "max_iter=1000, C=1e4")),
    _cached(
        "cached-liblinear",
        ("LogisticRegression(max_iter=1000)", "LogisticRegression(max_iter=200, C=2.0, random_state=0)"),
    ),
    _cached(
        "cached-plain-floats",
        ('"accuracy": accuracy_score(y_test, y_pred)', '"accuracy": float((y_pred == y_test).mean())'),
    ),
    _cached(
        "cached-more-scores",
        ('        "fit_seconds": fit_seconds,\n', '        "fit_seconds": fit_seconds,\n        "weighted_f1": 0.5,\n'),
    ),
    _cached(
        "cached-seconds-rounded",
        ("    return features, labels, seconds", "    return features, labels, round(seconds, 5)"),
    ),
]

# --- comparisons --------------------------------------------------------------------------------------------------


def _table(body: str) -> str:
    return f"{_IMPORTS}\n\ndef compare_strategies(results):\n" + "".join(f"    {line}\n" for line in body.splitlines())


_STRATEGIES = [
    _strategies(
        "strategies-from-dict",
        source=_table(
            "table = pd.DataFrame.from_dict(results, orient='index').rename_axis('strategy').reset_index()\n"
            "return table.sort_values('accuracy', ascending=False)"
        ),
    ),
    _strategies(
        "strategies-transposed",
        source=_table(
            "table = pd.DataFrame(results).T.sort_values('accuracy')[::-1]\nreturn table.reset_index(names='strategy')"
        ),
    ),
    _strategies(
        "strategies-sorted-first",
        source=_table(
            "best = sorted(results, key=lambda s: results[s]['accuracy'], reverse=True)\n"
            "return pd.DataFrame([{'strategy': s, **results[s]} for s in best])"
        ),
    ),
    _strategies(
        "strategies-ranked",
        ("return table.reset_index(drop=True)", "table.insert(0, 'rank', range(1, len(table) + 1))\n    return table"),
    ),
    _strategies(
        "strategies-index-too",
        ("return table.reset_index(drop=True)", "return table.set_index('strategy', drop=False)"),
    ),
    _strategies(
        "strategies-other-order",
        (
            "return table.reset_index(drop=True)",
            "return table[['seconds', 'macro_f1', 'accuracy', 'trainable_parameters', 'strategy']]",
        ),
    ),
    _strategies(
        "strategies-by-numpy",
        (
            'table = table.sort_values("accuracy", ascending=False)',
            'table = table.iloc[np.argsort(-table["accuracy"].to_numpy())]',
        ),
    ),
]

_BY_EARLIER = (
    _IMPORTS
    + """
from helpers import backbones


class Grey(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, x):
        x = F.interpolate(x.expand(-1, 3, -1, -1), size=32)
        mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        return self.backbone((x - mean) / deviation)


def compare_backbones(names, train_loader, test_loader, device=None):
    rows = {}
    for name in names:
        model = backbones.build(name)
        dim = backbones.feature_dim(model)
        extractor = backbones.feature_extractor(model)
        train = extract_features(Grey(extractor), train_loader, device)
        test = extract_features(Grey(extractor), test_loader, device)
        scores = linear_probe(train, test)
        rows[name] = {
            "parameters": sum(p.numel() for p in extractor.parameters()),
            "feature_dim": dim,
            "accuracy": scores["accuracy"],
            "macro_f1": scores["macro_f1"],
            "seconds": train[2] + test[2],
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.reset_index().rename(columns={"index": "name"}).sort_values("accuracy", ascending=False)
"""
)
_BY_HOOK = (
    _IMPORTS
    + """

def compare_backbones(names, train_loader, test_loader, device="cpu"):
    \"\"\"What goes into the head is caught by a hook; the head is counted and subtracted.\"\"\"
    table = []
    for name in names:
        network = torchvision.models.get_model(name, weights=torchvision.models.get_model_weights(name).DEFAULT).eval()
        head = network.fc if hasattr(network, "fc") else network.classifier
        caught = []
        hook = head.register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0].detach()))
        sets, start = [], time.time()
        for loader in (train_loader, test_loader):
            caught.clear()
            labels = []
            with torch.no_grad():
                for x, y in loader:
                    network(torch.cat([x, x, x], 1))
                    labels.append(y)
            z = torch.cat(caught)
            z = z.mean((2, 3)) if z.ndim == 4 else z
            sets.append((z.numpy(), torch.cat(labels).numpy()))
        seconds = time.time() - start
        hook.remove()
        (X, y), (X_test, y_test) = sets
        scaler = StandardScaler().fit(X)
        probe = LogisticRegression(C=0.1).fit(scaler.transform(X), y)
        answers = probe.predict(scaler.transform(X_test))
        count = lambda module: sum(p.numel() for p in module.parameters())
        scores = [(answers == y_test).mean(), metrics.f1_score(y_test, answers, average="macro")]
        table.append([name, count(network) - count(head), X.shape[1], *scores, seconds])
    return pd.DataFrame(table, columns=["name", "parameters", "feature_dim", "accuracy", "macro_f1", "seconds"])
"""
)

_BACKBONES = [
    _backbones("backbones-by-earlier-tasks", source=_BY_EARLIER),
    _backbones("backbones-by-hook", source=_BY_HOOK),
    _backbones("backbones-expanded", ("images.repeat(1, 3, 1, 1)", "images.expand(-1, 3, -1, -1)")),
    _backbones("backbones-stacked", ("images.repeat(1, 3, 1, 1)", "torch.stack([images[:, 0]] * 3, dim=1)")),
    _backbones("backbones-sorted", ("return pd.DataFrame(rows)", 'return pd.DataFrame(rows).sort_values("macro_f1")')),
    _backbones(
        "backbones-frozen",
        ("        network.eval()\n", "        network.requires_grad_(False)\n        network.eval()\n"),
    ),
]

STYLES: list[Style] = [
    *_TRANSFER,
    *_EXTRACTION,
    *_TUNING,
    *_PROGRESSIVE,
    *_CACHED,
    *_STRATEGIES,
    *_BACKBONES,
]

"""A right solution of Part III (`right/plain.py`) with one realistic mistake each, and the test cells that it may cost.

`loses` is what the principle "one mistake costs its own points and no others" demands, not what an exam happens to do.
"""

from functools import partial
from pathlib import Path

from tests.samples import read_cells
from tests.samples.cases import Mutant, Passage, mutant

BASE = read_cells(Path(__file__).parent / "right" / "plain.py")

STRUCTURE = "test-transfer-structure"
FORWARD = "test-transfer-forward"
UNFREEZE = "test-unfreeze-layers"
EXTRACTION = "test-feature-extraction"
TUNING = "test-fine-tuning"
PROGRESSIVE = "test-progressive-unfreezing"
FEATURES = "test-extract-features"
PROBE = "test-linear-probe"
STRATEGIES = "test-compare-strategies"
BACKBONES = "bonus-compare-backbones"

_transfer = partial(mutant, "transfer-model")
_extraction = partial(mutant, "feature-extraction")
_tuning = partial(mutant, "fine-tuning")
_progressive = partial(mutant, "progressive-unfreezing")
_cached = partial(mutant, "cached-features")
_strategies = partial(mutant, "compare-strategies")
_backbones = partial(mutant, "compare-backbones")

# --- the network --------------------------------------------------------------------------------------------------

_FRONT = "self.to_rgb = nn.Conv2d(1, 3, kernel_size=1)"
_PRETRAINED = 'torchvision.models.mobilenet_v2(weights="DEFAULT")'
_FROZEN = """        for parameter in self.model.parameters():
            parameter.requires_grad = False
"""
_CLASSIFIER = "self.model.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))\n"
_THROUGH = "x = self.to_rgb(x)\n        return self.model(x)"
_FIRST = "first = max(len(blocks) - num_layers, 0)"
_OPENED = "for block in blocks[first:]:"

_TRANSFER = [
    _transfer(
        "random-weights", {STRUCTURE}, "no pretrained weights", (_PRETRAINED, "torchvision.models.mobilenet_v2()")
    ),
    _transfer(
        "reset-statistics",
        {STRUCTURE},
        "statistics of batch norm start anew",
        (
            _FROZEN,
            _FROZEN
            + "        for layer in self.model.modules():\n"
            + "            if isinstance(layer, nn.BatchNorm2d):\n                layer.reset_running_stats()\n",
        ),
    ),
    _transfer("backbone-open", {STRUCTURE}, "nothing is frozen", (_FROZEN, "")),
    _transfer(
        "batch-norm-open",
        {STRUCTURE},
        "convolutions are frozen, batch norm is not",
        (
            _FROZEN,
            "        for layer in self.model.modules():\n"
            "            if isinstance(layer, nn.Conv2d):\n                layer.weight.requires_grad = False\n",
        ),
    ),
    _transfer(
        "last-block-open",
        {STRUCTURE},
        "the last block is left open",
        (_FROZEN, _FROZEN.replace("self.model.parameters()", "self.model.features[:-1].parameters()")),
    ),
    _transfer(
        "grey-expanded",
        {STRUCTURE},
        "channels are repeated; there is no convolution",
        (f"        {_FRONT}\n", ""),
        (_THROUGH, "return self.model(x.expand(-1, 3, -1, -1))"),
    ),
    _transfer(
        "first-layer-replaced",
        {STRUCTURE},
        "another first layer in place of one in front",
        (f"        {_FRONT}\n", ""),
        (
            _FROZEN,
            _FROZEN + "        self.model.features[0][0] = nn.Conv2d(1, 32, 3, stride=2, padding=1, bias=False)\n",
        ),
        (_THROUGH, "return self.model(x)"),
    ),
    _transfer("front-3x3", {STRUCTURE}, "a filter of 3 × 3", (_FRONT, "self.to_rgb = nn.Conv2d(1, 3, 3, padding=1)")),
    _transfer(
        "front-frozen",
        {STRUCTURE},
        "the convolution in front is frozen as well",
        (_FROZEN, _FROZEN.replace("self.model.parameters()", "self.parameters()")),
    ),
    _transfer(
        "head-frozen",
        {STRUCTURE},
        "frozen after the new head was made",
        (_FROZEN, ""),
        (_CLASSIFIER, _CLASSIFIER + _FROZEN),
    ),
    _transfer(
        "ten-classes", {STRUCTURE}, "num_classes is ignored", ("nn.Linear(1280, num_classes)", "nn.Linear(1280, 10)")
    ),
    _transfer(
        "two-layers",
        {STRUCTURE, FORWARD},
        "a hidden layer in the head",
        (
            "nn.Linear(1280, num_classes)",
            "nn.Linear(1280, 64), nn.ReLU(), nn.Linear(64, num_classes)",
        ),
    ),
    _transfer(
        "head-kept",
        {STRUCTURE, FORWARD},
        "the head for ImageNet's classes is left",
        (f"        {_CLASSIFIER}", "        self.model.classifier.requires_grad_(True)\n"),
    ),
    _transfer(
        "head-elsewhere",
        {STRUCTURE, FORWARD},
        "a second head behind ImageNet's",
        (f"        {_CLASSIFIER}", "        self.head = nn.Linear(1000, num_classes)\n"),
        ("return self.model(x)", "return self.head(self.model(x))"),
    ),
    _transfer("softmax", {FORWARD}, "probabilities for logits", (_THROUGH, f"{_THROUGH}.softmax(dim=1)")),
    _transfer("log-softmax", {FORWARD}, "log-probabilities", (_THROUGH, f"{_THROUGH}.log_softmax(dim=1)")),
    _transfer("squeeze", {FORWARD}, "one image loses its row", (_THROUGH, f"{_THROUGH}.squeeze()")),
    _transfer(
        "relu-in-front",
        {FORWARD},
        "a kink behind the convolution",
        ("x = self.to_rgb(x)", "x = self.to_rgb(x).relu()"),
    ),
    _transfer(
        "front-not-used",
        {FORWARD},
        "the convolution is made and passed by",
        ("x = self.to_rgb(x)", "x = x.expand(-1, 3, -1, -1)"),
    ),
    _transfer(
        "no-grad",
        {FORWARD},
        "no gradient comes back through the backbone",
        (
            "return self.model(x)",
            "with torch.no_grad():\n            x = self.model.features(x).mean(dim=(2, 3))\n"
            "        return self.model.classifier(x)",
        ),
    ),
    _transfer(
        "detached",
        {FORWARD},
        "cut off from the graph behind the convolution",
        ("x = self.to_rgb(x)", "x = self.to_rgb(x).detach()"),
    ),
    _transfer(
        "max-over-map",
        {FORWARD},
        "the maximum of the map for its mean",
        (
            "return self.model(x)",
            "return self.model.classifier(self.model.features(x).amax(dim=(2, 3)))",
        ),
    ),
    _transfer(
        "flat-map",
        {FORWARD},
        "works on a map of 1 × 1 alone",
        (
            "return self.model(x)",
            "return self.model.classifier(self.model.features(x).flatten(1))",
        ),
    ),
    _transfer(
        "dropout-always", {FORWARD}, "drops in eval mode", ("x = self.to_rgb(x)", "x = F.dropout(self.to_rgb(x))")
    ),
    _transfer("unfreeze-first", {UNFREEZE}, "the wrong end", (_OPENED, "for block in blocks[:num_layers]:")),
    _transfer("unfreeze-all", {UNFREEZE}, "all blocks at once", (_OPENED, "for block in blocks:")),
    _transfer("unfreeze-minus-zero", {UNFREEZE}, "blocks[-0:] is all", (_OPENED, "for block in blocks[-num_layers:]:")),
    _transfer("unfreeze-below-zero", {UNFREEZE}, "too many", (_FIRST, "first = len(blocks) - num_layers")),
    _transfer(
        "unfreeze-too-many-raises",
        {UNFREEZE},
        "an error for more than there are",
        (
            _FIRST,
            "first = list(range(len(blocks) + 1))[len(blocks) - num_layers]\n        assert num_layers <= len(blocks)",
        ),
    ),
    _transfer(
        "unfreeze-one-more", {UNFREEZE}, "one too many", (_FIRST, "first = max(len(blocks) - num_layers - 1, 0)")
    ),
    _transfer("unfreeze-one-less", {UNFREEZE}, "one too few", (_FIRST, "first = max(len(blocks) - num_layers, 0) + 1")),
    _transfer(
        "unfreeze-one-block",
        {UNFREEZE},
        "only the block at that place",
        (_OPENED, "for block in blocks[first:][:1]:"),
    ),
    _transfer(
        "unfreeze-layers-inside",
        {UNFREEZE},
        "the last parameters for the last blocks",
        (
            "            for parameter in block.parameters():",
            "            for parameter in list(block.parameters())[-2:]:",
        ),
    ),
    _transfer(
        "unfreeze-convolutions",
        {UNFREEZE},
        "batch norm of the blocks stays frozen",
        (
            "                parameter.requires_grad = True",
            "                parameter.requires_grad = parameter.dim() > 1",
        ),
    ),
    _transfer(
        "unfreeze-freezes-front",
        {UNFREEZE},
        "freezes everything first",
        (
            "        blocks = list(self.model.features)",
            "        self.requires_grad_(False)\n        blocks = list(self.model.features)",
        ),
    ),
    _transfer(
        "unfreeze-freezes-head",
        {UNFREEZE},
        "freezes the head as well",
        (
            "        blocks = list(self.model.features)",
            "        self.model.requires_grad_(False)\n        blocks = list(self.model.features)",
        ),
    ),
    _transfer(
        "unfreeze-resets",
        {UNFREEZE},
        "opened blocks start with new weights",
        (
            f"        {_OPENED}\n",
            f"        {_OPENED}\n            for m in block.modules():\n"
            "                getattr(m, 'reset_parameters', int)()\n",
        ),
    ),
    _transfer(
        "unfreeze-children",
        {UNFREEZE},
        "counts the children of the network, not its blocks",
        ("blocks = list(self.model.features)", "blocks = list(self.model.children())"),
    ),
]

# --- loops of the three trainers ----------------------------------------------------------------------------------

_RESET = "    loss_sum, correct, seen = 0.0, 0, 0\n"
_EPOCHS = "for epoch in range(epochs):\n"
_LOSS = "loss_sum += loss.item() * len(labels)\n"
_VAL_LOSS = "val_loss_sum += criterion(answers, y).item() * len(y)"
_STEP = "loss.backward()\n        optimizer.step()\n"
_TRAIN_LOSS = 'history["train_loss"].append(loss_sum / seen)'

# What is written as in a function's first loop; deeper loops are indented.
_LOOPS: dict[str, tuple[str, tuple[Passage, ...]]] = {
    "no-step": ("no step", ((_STEP, "loss.backward()\n"),)),
    "no-backward": ("no gradients", ((_STEP, "optimizer.step()\n"),)),
    "uphill": ("the loss is raised", ((_STEP, "(-loss).backward()\n        optimizer.step()\n"),)),
    "step-an-epoch": (
        "one step with the last gradient",
        ((_STEP, "loss.backward()\n"), (f"    {_TRAIN_LOSS}", f"    optimizer.step()\n    {_TRAIN_LOSS}")),
    ),
    "first-batch": (
        "one batch an epoch",
        (("        seen += len(labels)\n", "        seen += len(labels)\n        break\n"),),
    ),
    "one-validation-batch": (
        "validation by a single batch",
        (("            val_seen += len(y)\n", "            val_seen += len(y)\n            break\n"),),
    ),
    "on-validation-data": ("trains on the validation images", (("in train_loader:", "in val_loader:"),)),
    "rate-fixed": ("the learning rate is ignored", (("lr=learning_rate", "lr=0.01"),)),
    "epochs-one-more": ("an epoch too many", ((_EPOCHS, _EPOCHS.replace("epochs)", "epochs + 1)")),)),
    "head-in-eval-mode": ("eval mode throughout", (("    model.train()\n", "    model.eval()\n"),)),
    "validates-in-train-mode": ("no eval mode", (("    model.eval()\n", ""),)),
    "validates-with-gradients": ("gradients recorded", (("torch.no_grad()", "torch.enable_grad()"),)),
    "validation-trained-on": (
        "the loss of validation images is learnt",
        (
            ("torch.no_grad()", "torch.enable_grad()"),
            (
                f"            {_VAL_LOSS}\n",
                "            optimizer.zero_grad()\n            criterion(answers, y).backward()\n"
                f"            optimizer.step()\n            {_VAL_LOSS}\n",
            ),
        ),
    ),
    "loss-of-batches": (
        "each batch weighs the same",
        ((_LOSS, "loss_sum += loss.item()\n"), (_TRAIN_LOSS, _TRAIN_LOSS.replace("seen", "len(train_loader)"))),
    ),
    "val-loss-of-batches": (
        "each batch weighs the same",
        (
            (_VAL_LOSS, "val_loss_sum += criterion(answers, y).item()"),
            ("val_loss_sum / val_seen", "val_loss_sum / len(val_loader)"),
        ),
    ),
    "loss-summed": ("a sum, not a mean", ((_TRAIN_LOSS, 'history["train_loss"].append(loss_sum)'),)),
    "loss-of-last-batch": ("the last batch's loss", ((_TRAIN_LOSS, 'history["train_loss"].append(loss.item())'),)),
    "percent": ("accuracies up to 100", (("append(correct / seen)", "append(100 * correct / seen)"),)),
    "val-accuracy-of-training": (
        "training accuracy for that of validation",
        (("append(val_correct / val_seen)", "append(correct / seen)"),),
    ),
    "never-reset": ("totals over all epochs", ((_RESET, ""), (_EPOCHS, f"{_RESET[4:]}{_EPOCHS}"))),
    "returns-nothing": ("no return", (("return history", "pass"),)),
    "key-misspelt": ("another key", (('history["val_accuracy"].append', 'history.setdefault("val_acc", []).append'),)),
    "gradients-of-softmax": (
        "cross-entropy of probabilities",
        (("loss = criterion(logits, labels)", "loss = criterion(logits.softmax(dim=1), labels)"),),
    ),
}


def _loops(cell: str, exam: str, depth: int) -> list[Mutant]:
    """Return the mistakes of a loop for one of the trainers, whose loop stands `depth` levels deep."""
    pad = "    " * depth

    def fit(text: str) -> str:
        first, *rest = text.split("\n")
        return "\n".join([pad + first if first.startswith(" ") else first, *(line and pad + line for line in rest)])

    return [
        mutant(cell, f"{cell}-{name}", {exam}, why, *((fit(old), fit(new)) for old, new in passages))
        for name, (why, passages) in _LOOPS.items()
    ]


# --- feature extraction -------------------------------------------------------------------------------------------

_FEATURES_EVAL = "        model.model.features.eval()\n"
_TRAIN_MODE = "        model.train()\n"
_TRAINABLE = "[parameter for parameter in model.parameters() if parameter.requires_grad]"

_EXTRACTION = [
    *_loops("feature-extraction", EXTRACTION, 1),
    _extraction("extraction-statistics-drift", {EXTRACTION}, "frozen batch norm in train mode", (_FEATURES_EVAL, "")),
    _extraction(
        "extraction-eval-too-early",
        {EXTRACTION},
        "train mode comes after eval mode of the blocks",
        (_TRAIN_MODE + _FEATURES_EVAL, _FEATURES_EVAL + _TRAIN_MODE),
    ),
    _extraction(
        "extraction-eval-once",
        {EXTRACTION},
        "eval mode of the blocks before the first epoch alone",
        (_FEATURES_EVAL, ""),
        ("    for epoch in range(epochs):\n", "    model.model.features.eval()\n    for epoch in range(epochs):\n"),
    ),
    _extraction(
        "extraction-some-statistics-drift",
        {EXTRACTION},
        "the first block alone in eval mode",
        ("model.model.features.eval()", "model.model.features[0].eval()"),
    ),
    _extraction(
        "extraction-all-norms-eval",
        {EXTRACTION},
        "batch norm of the head in eval mode as well",
        (
            _FEATURES_EVAL,
            "        for layer in model.modules():\n"
            "            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):\n                layer.eval()\n",
        ),
    ),
    _extraction(
        "extraction-network-eval", {EXTRACTION}, "the head, too", ("model.model.features.eval()", "model.model.eval()")
    ),
    _extraction("extraction-holds-frozen", {EXTRACTION}, "all parameters", (_TRAINABLE, "list(model.parameters())")),
    _extraction(
        "extraction-opens-all",
        {EXTRACTION},
        "everything is opened",
        ("    trainable = ", "    model.requires_grad_(True)\n    trainable = "),
    ),
    _extraction(
        "extraction-opens-last",
        {EXTRACTION},
        "the last block is opened",
        ("    trainable = ", "    model.unfreeze_layers(1)\n    trainable = "),
    ),
    _extraction(
        "extraction-head-alone",
        {EXTRACTION},
        "no step in front",
        (_TRAINABLE, "list(model.model.classifier.parameters())"),
    ),
    _extraction(
        "extraction-front-alone",
        {EXTRACTION},
        "the head is not trained",
        (_TRAINABLE, "[p for name, p in model.named_parameters() if p.requires_grad and 'classifier' not in name]"),
    ),
    _extraction(
        "extraction-freezes-network",
        {EXTRACTION},
        "freezes the head before training",
        ("    trainable = ", "    model.model.requires_grad_(False)\n    trainable = "),
    ),
    _extraction(
        "extraction-on-a-copy",
        {EXTRACTION},
        "the model that is given is not trained",
        ("    model.to(device)\n", "    import copy\n    model = copy.deepcopy(model).to(device)\n"),
    ),
    _extraction(
        "extraction-first-weights-back",
        {EXTRACTION},
        "loads the weights of before at the end",
        ("    model.to(device)\n", "    import copy\n    before = copy.deepcopy(model.state_dict())\n"),
        ("    return history", "    model.load_state_dict(before)\n    return history"),
    ),
    _extraction(
        "extraction-decays-frozen",
        {EXTRACTION},
        "all weights shrink",
        (
            "            optimizer.step()\n",
            "            optimizer.step()\n            with torch.no_grad():\n"
            "                [p.mul_(0.999) for p in model.parameters()]\n",
        ),
    ),
]

# --- fine-tuning --------------------------------------------------------------------------------------------------

_UNFREEZE = "    model.unfreeze_layers(num_layers)\n"
_MAKE = "    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)\n"
_BLOCKS_EVAL = """        for block in model.model.features:
            if not any(parameter.requires_grad for parameter in block.parameters()):
                block.eval()
"""

_TUNING = [
    *_loops("fine-tuning", TUNING, 1),
    _tuning("tuning-never-unfreezes", {TUNING}, "blocks stay frozen", (_UNFREEZE, "")),
    _tuning("tuning-three-blocks", {TUNING}, "num_layers is ignored", (_UNFREEZE, "    model.unfreeze_layers(3)\n")),
    _tuning(
        "tuning-one-more", {TUNING}, "one block too many", (_UNFREEZE, "    model.unfreeze_layers(num_layers + 1)\n")
    ),
    _tuning("tuning-all-blocks", {TUNING}, "all blocks", (_UNFREEZE, "    model.unfreeze_layers(100)\n")),
    _tuning(
        "tuning-first-blocks",
        {TUNING},
        "the wrong end, by hand",
        (_UNFREEZE, "    model.model.features[:num_layers].requires_grad_(True)\n"),
    ),
    _tuning(
        "tuning-everything-open",
        {TUNING},
        "all parameters",
        (_UNFREEZE, f"{_UNFREEZE}    model.requires_grad_(True)\n"),
    ),
    _tuning(
        "tuning-optimizer-first",
        {TUNING},
        "an optimizer of what was open before",
        (_UNFREEZE + _MAKE, _MAKE.replace("model.parameters()", _TRAINABLE) + _UNFREEZE),
    ),
    _tuning(
        "tuning-unfreezes-at-the-end",
        {TUNING},
        "opened after training",
        (_UNFREEZE, ""),
        ("    return history", f"{_UNFREEZE}    return history"),
    ),
    _tuning(
        "tuning-blocks-alone",
        {TUNING},
        "head and front stay",
        (_MAKE, _MAKE.replace("model.", "model.model.features.")),
    ),
    _tuning(
        "tuning-head-alone", {TUNING}, "the blocks stay", (_MAKE, _MAKE.replace("model.", "model.model.classifier."))
    ),
    _tuning("tuning-network-alone", {TUNING}, "the front stays", (_MAKE, _MAKE.replace("model.", "model.model."))),
    _tuning(
        "tuning-freezes-head",
        {TUNING},
        "the head is frozen",
        (_UNFREEZE, f"    model.model.requires_grad_(False)\n{_UNFREEZE}"),
    ),
    _tuning("tuning-statistics-drift", {TUNING}, "frozen batch norm in train mode", (_BLOCKS_EVAL, "")),
    _tuning(
        "tuning-eval-too-early", {TUNING}, "train mode last", (_TRAIN_MODE + _BLOCKS_EVAL, _BLOCKS_EVAL + _TRAIN_MODE)
    ),
    _tuning("tuning-first-eval", {TUNING}, "one block", (_BLOCKS_EVAL, "        model.model.features[0].eval()\n")),
    _tuning(
        "tuning-last-eval",
        {TUNING},
        "the wrong blocks",
        (_BLOCKS_EVAL, "        model.model.features[-num_layers:].eval()\n"),
    ),
    _tuning(
        "tuning-all-norms-eval",
        {TUNING},
        "batch norm of the head as well",
        (_BLOCKS_EVAL, "        model.model.eval()\n"),
    ),
    _tuning(
        "tuning-new-head",
        {TUNING},
        "the head that was trained is lost",
        (
            _UNFREEZE,
            f"{_UNFREEZE}    for layer in model.model.classifier.modules():\n"
            "        if isinstance(layer, nn.Linear):\n            layer.reset_parameters()\n",
        ),
    ),
    _tuning(
        "tuning-on-a-copy",
        {TUNING},
        "the model that is given is not trained",
        ("    model.to(device)\n", "    import copy\n    model = copy.deepcopy(model).to(device)\n"),
    ),
]

# --- progressive unfreezing ---------------------------------------------------------------------------------------

_PHASES = "    for phase, (num_layers, epochs, learning_rate) in enumerate(phases):\n"
_UNFREEZE2 = f"    {_UNFREEZE}"
_MAKE2 = f"    {_MAKE}"
_BLOCKS_EVAL2 = """            for block in model.model.features:
                if not any(parameter.requires_grad for parameter in block.parameters()):
                    block.eval()
"""
_PHASE = 'history["phase"].append(phase)'

_PROGRESSIVE = [
    *_loops("progressive-unfreezing", PROGRESSIVE, 2),
    _progressive("progressive-never-opens", {PROGRESSIVE}, "blocks stay frozen", (_UNFREEZE2, "")),
    _progressive(
        "progressive-opens-all", {PROGRESSIVE}, "all in each phase", (_UNFREEZE2, "        model.unfreeze_layers(99)\n")
    ),
    _progressive(
        "progressive-counts-phases",
        {PROGRESSIVE},
        "the number of the phase for that of the layers",
        (_UNFREEZE2, "        model.unfreeze_layers(phase + 1)\n"),
    ),
    _progressive(
        "progressive-one-more",
        {PROGRESSIVE},
        "one too many",
        (_UNFREEZE2, "        model.unfreeze_layers(num_layers + 1)\n"),
    ),
    _progressive(
        "progressive-wrong-end",
        {PROGRESSIVE},
        "the first blocks, by hand",
        (_UNFREEZE2, "        model.model.features[:num_layers].requires_grad_(True)\n"),
    ),
    _progressive(
        "progressive-first-phase-opens",
        {PROGRESSIVE},
        "later phases open nothing",
        (_UNFREEZE2, "        if phase == 0:\n            model.unfreeze_layers(num_layers)\n"),
    ),
    _progressive(
        "progressive-last-phase-first",
        {PROGRESSIVE},
        "opens what the last phase opens, at once",
        (_UNFREEZE2, "        model.unfreeze_layers(phases[-1][0])\n"),
    ),
    _progressive(
        "progressive-backwards", {PROGRESSIVE}, "the last phase first", ("enumerate(phases)", "enumerate(phases[::-1])")
    ),
    _progressive(
        "progressive-optimizer-first",
        {PROGRESSIVE},
        "an optimizer of what was open before",
        (_UNFREEZE2 + _MAKE2, _MAKE2.replace("model.parameters()", _TRAINABLE) + _UNFREEZE2),
    ),
    _progressive(
        "progressive-one-optimizer",
        {PROGRESSIVE},
        "one optimizer at the first phase's rate",
        (_MAKE2, ""),
        (_PHASES, f"    optimizer = torch.optim.Adam(model.parameters(), lr=phases[0][2])\n{_PHASES}"),
    ),
    _progressive("progressive-rate-of-last", {PROGRESSIVE}, "the last rate", ("lr=learning_rate", "lr=phases[-1][2]")),
    _progressive(
        "progressive-epochs-of-first", {PROGRESSIVE}, "as many each", ("range(epochs)", "range(phases[0][1] + 1)")
    ),
    _progressive(
        "progressive-first-weights-back",
        {PROGRESSIVE},
        "each phase starts from the first weights",
        (_PHASES, f"    import copy\n    before = copy.deepcopy(model.state_dict())\n{_PHASES}"),
        (_UNFREEZE2, f"        model.load_state_dict(before)\n{_UNFREEZE2}"),
    ),
    _progressive(
        "progressive-copies",
        {PROGRESSIVE},
        "each phase trains a copy of the first model",
        (_PHASES, f"    import copy\n    first = model\n{_PHASES}"),
        (_UNFREEZE2, f"        model = copy.deepcopy(first)\n{_UNFREEZE2}"),
    ),
    _progressive(
        "progressive-new-head",
        {PROGRESSIVE},
        "the head that was trained is lost",
        (
            _UNFREEZE2,
            f"{_UNFREEZE2}        for layer in model.model.classifier.modules():\n"
            "            if isinstance(layer, nn.Linear):\n                layer.reset_parameters()\n",
        ),
    ),
    _progressive(
        "progressive-freezes-head",
        {PROGRESSIVE},
        "the head is frozen in each phase",
        (_UNFREEZE2, f"        model.model.requires_grad_(False)\n{_UNFREEZE2}"),
    ),
    _progressive("progressive-statistics-drift", {PROGRESSIVE}, "frozen batch norm in train mode", (_BLOCKS_EVAL2, "")),
    _progressive(
        "progressive-eval-too-early",
        {PROGRESSIVE},
        "train mode last",
        (f"    {_TRAIN_MODE}{_BLOCKS_EVAL2}", f"{_BLOCKS_EVAL2}    {_TRAIN_MODE}"),
    ),
    _progressive("progressive-phase-zero", {PROGRESSIVE}, "always 0", (_PHASE, 'history["phase"].append(0)')),
    _progressive("progressive-phase-epoch", {PROGRESSIVE}, "the epoch", (_PHASE, 'history["phase"].append(epoch)')),
    _progressive(
        "progressive-phase-layers", {PROGRESSIVE}, "the layers", (_PHASE, 'history["phase"].append(num_layers)')
    ),
    _progressive("progressive-phase-from-two", {PROGRESSIVE}, "from 2", (_PHASE, 'history["phase"].append(phase + 2)')),
    _progressive(
        "progressive-phase-once",
        {PROGRESSIVE},
        "one value a phase",
        (f"            {_PHASE}\n", f"        {_PHASE}\n"),
    ),
    _progressive("progressive-no-phase", {PROGRESSIVE}, "no phase", (f"            {_PHASE}\n", "")),
    _progressive(
        "progressive-last-history",
        {PROGRESSIVE},
        "the history of the last phase alone",
        (_UNFREEZE2, f"        history = {{key: [] for key in history}}\n{_UNFREEZE2}"),
    ),
    _progressive(
        "progressive-histories",
        {PROGRESSIVE},
        "a list of histories",
        ("    return history", "    return [history]"),
    ),
]

# --- cached features and the probe --------------------------------------------------------------------------------

_EXTRACT_LOOP = """        for x, y in loader:
            x = x.to(device)
            features.append(backbone(x).cpu().numpy())
            labels.append(y.numpy())
"""
_NO_GRAD = "    with torch.no_grad():\n"
_SCALED = """    X_train = scaler.fit_transform(X_train)
    X_test = scaler.transform(X_test)
"""
_CLASSIFIER = "    classifier = LogisticRegression(max_iter=1000)\n"

_CACHED = [
    _cached("features-train-mode", {FEATURES}, "train mode", ("    backbone.eval()\n", "    backbone.train()\n")),
    _cached("features-mode-as-is", {FEATURES}, "the mode that the backbone is in", ("    backbone.eval()\n", "")),
    _cached(
        "features-with-gradients",
        {FEATURES},
        "gradients recorded",
        (_NO_GRAD, "    with torch.enable_grad():\n"),
        ("backbone(x).cpu()", "backbone(x).detach().cpu()"),
    ),
    _cached(
        "features-labels-of-another-pass",
        {FEATURES},
        "a shuffling loader has another order in each pass",
        ("            labels.append(y.numpy())\n", ""),
        (
            "    features = np.concatenate(features)",
            "    labels = [y.numpy() for _, y in loader]\n    features = np.concatenate(features)",
        ),
    ),
    _cached(
        "features-sorted-labels",
        {FEATURES},
        "labels sorted, features not",
        ("labels = np.concatenate(labels)", "labels = np.sort(np.concatenate(labels))"),
    ),
    _cached(
        "features-twice",
        {FEATURES},
        "each image passes twice",
        (
            "features.append(backbone(x).cpu().numpy())",
            "backbone(x)\n            features.append(backbone(x).cpu().numpy())",
        ),
    ),
    _cached(
        "features-size-asked-first",
        {FEATURES},
        "a batch more, to see the number of features",
        (_NO_GRAD, "    with torch.no_grad():\n        backbone(next(iter(loader))[0])\n"),
    ),
    _cached(
        "features-last-batch-dropped",
        {FEATURES},
        "the short batch is left out",
        (
            _EXTRACT_LOOP,
            _EXTRACT_LOOP.replace(
                "            x = x.to", "            if len(x) < 7:\n                continue\n            x = x.to"
            ),
        ),
    ),
    _cached(
        "features-first-batch",
        {FEATURES},
        "the first batch alone",
        (_EXTRACT_LOOP, f"{_EXTRACT_LOOP}            break\n"),
    ),
    _cached(
        "features-double",
        {FEATURES},
        "float64",
        ("features = np.concatenate(features)", "features = np.concatenate(features).astype(float)"),
    ),
    _cached(
        "features-as-lists",
        {FEATURES},
        "lists of floats",
        ("features = np.concatenate(features)", "features = np.concatenate(features).tolist()"),
    ),
    _cached(
        "features-in-batches",
        {FEATURES},
        "a list of arrays",
        ("    features = np.concatenate(features)\n", ""),
    ),
    _cached(
        "features-transposed",
        {FEATURES},
        "a column an image",
        ("features = np.concatenate(features)", "features = np.concatenate(features).T"),
    ),
    _cached(
        "features-scaled",
        {FEATURES},
        "each row has length 1",
        (
            "features = np.concatenate(features)",
            "features = np.concatenate(features)\n    features /= np.linalg.norm(features, axis=1, keepdims=True)",
        ),
    ),
    _cached(
        "features-processor-time",
        {FEATURES},
        "naps do not count",
        ("    start = time.perf_counter()\n    backbone", "    start = time.process_time()\n    backbone"),
        (
            "seconds = time.perf_counter() - start\n    return features",
            "seconds = time.process_time() - start\n    return features",
        ),
    ),
    _cached(
        "features-seconds-after",
        {FEATURES},
        "the clock starts behind the loop",
        (
            "    features = np.concatenate(features)",
            "    start = time.perf_counter()\n    features = np.concatenate(features)",
        ),
    ),
    _cached(
        "features-seconds-of-a-batch",
        {FEATURES},
        "the clock starts anew with each batch",
        ("            x = x.to(device)\n", "            start = time.perf_counter()\n            x = x.to(device)\n"),
    ),
    _cached(
        "features-milliseconds",
        {FEATURES},
        "another unit",
        ("return features, labels, seconds", "return features, labels, 1000 * seconds"),
    ),
    _cached(
        "features-no-seconds", {FEATURES}, "two values", ("return features, labels, seconds", "return features, labels")
    ),
    _cached("probe-not-scaled", {PROBE}, "no standardising", (_SCALED, "")),
    _cached(
        "probe-test-scaled-alone",
        {PROBE},
        "fitted to the test features",
        ("scaler.transform(X_test)", "scaler.fit_transform(X_test)"),
    ),
    _cached(
        "probe-scaled-together",
        {PROBE},
        "fitted to training and test features",
        (
            _SCALED,
            "    scaler.fit(np.concatenate([X_train, X_test]))\n" + _SCALED.replace("fit_transform", "transform"),
        ),
    ),
    _cached(
        "probe-scaled-by-test",
        {PROBE},
        "fitted to the test features for both",
        (_SCALED, "    scaler.fit(X_test)\n" + _SCALED.replace("fit_transform", "transform")),
    ),
    _cached(
        "probe-test-not-scaled", {PROBE}, "only the training features", ("    X_test = scaler.transform(X_test)\n", "")
    ),
    _cached(
        "probe-min-max",
        {PROBE},
        "scaled to a range",
        (
            "    scaler = StandardScaler()\n",
            "    from sklearn.preprocessing import MinMaxScaler\n    scaler = MinMaxScaler()\n",
        ),
    ),
    _cached(
        "probe-divided-by-variance",
        {PROBE},
        "by the variance, not by its root",
        (
            _SCALED,
            "    mean, variance = X_train.mean(axis=0), X_train.var(axis=0)\n"
            "    X_train, X_test = (X_train - mean) / variance, (X_test - mean) / variance\n",
        ),
    ),
    _cached(
        "probe-by-neighbours",
        {PROBE},
        "neighbours, which need no line",
        (
            _CLASSIFIER,
            "    from sklearn.neighbors import KNeighborsClassifier\n    classifier = KNeighborsClassifier(5)\n",
        ),
    ),
    _cached(
        "probe-by-forest",
        {PROBE},
        "a forest, which needs no line",
        (
            _CLASSIFIER,
            "    from sklearn.ensemble import RandomForestClassifier\n"
            "    classifier = RandomForestClassifier(20, random_state=0)\n",
        ),
    ),
    _cached(
        "probe-by-kernels",
        {PROBE},
        "a bent border",
        (_CLASSIFIER, "    from sklearn.svm import SVC\n    classifier = SVC()\n"),
    ),
    _cached("probe-centred", {PROBE}, "the mean alone", ("StandardScaler()", "StandardScaler(with_std=False)")),
    _cached(
        "probe-on-training-data",
        {PROBE},
        "scored where it was fitted",
        (
            "y_pred = classifier.predict(X_test)",
            "X_test, y_test = X_train, y_train\n    y_pred = classifier.predict(X_test)",
        ),
    ),
    _cached(
        "probe-fitted-to-test",
        {PROBE},
        "trained on the test features",
        ("classifier.fit(X_train, y_train)", "classifier.fit(X_test, y_test)"),
    ),
    _cached(
        "probe-percent",
        {PROBE},
        "up to 100",
        ("accuracy_score(y_test, y_pred)", "100 * accuracy_score(y_test, y_pred)"),
    ),
    _cached("probe-micro", {PROBE}, "micro-F1", ('average="macro"', 'average="micro"')),
    _cached("probe-weighted", {PROBE}, "weighted F1", ('average="macro"', 'average="weighted"')),
    _cached("probe-no-seconds", {PROBE}, "a key less", ('        "fit_seconds": fit_seconds,\n', "")),
    _cached(
        "probe-seconds-negative",
        {PROBE},
        "start minus end",
        ("fit_seconds = time.perf_counter() - start", "fit_seconds = start - time.perf_counter()"),
    ),
    _cached(
        "probe-clock-itself",
        {PROBE},
        "a time, not a duration",
        ("fit_seconds = time.perf_counter() - start", "fit_seconds = time.time()"),
    ),
    _cached("probe-two-elements", {PROBE}, "further elements raise", ("train[:2]", "train"), ("test[:2]", "test")),
    _cached(
        "probe-last-elements",
        {PROBE},
        "labels from the end",
        ("X_train, y_train = train[:2]", "X_train, y_train = train[0], train[-1]"),
    ),
]

# --- strategies ---------------------------------------------------------------------------------------------------

_SORTED = 'table = table.sort_values("accuracy", ascending=False)'
_TABLE = "return table.reset_index(drop=True)"

_STRATEGIES = [
    _strategies("strategies-not-sorted", {STRATEGIES}, "as given", (f"    {_SORTED}\n", "")),
    _strategies("strategies-worst-first", {STRATEGIES}, "worst first", (", ascending=False", "")),
    _strategies("strategies-by-f1", {STRATEGIES}, "by macro-F1", ('sort_values("accuracy"', 'sort_values("macro_f1"')),
    _strategies(
        "strategies-by-seconds", {STRATEGIES}, "slowest first", ('sort_values("accuracy"', 'sort_values("seconds"')
    ),
    _strategies("strategies-by-name", {STRATEGIES}, "by name", ('sort_values("accuracy"', 'sort_values("strategy"')),
    _strategies(
        "strategies-sorting-lost",
        {STRATEGIES},
        "the sorted table is dropped",
        (_SORTED, _SORTED.removeprefix("table = ")),
    ),
    _strategies(
        "strategies-column-sorted-alone",
        {STRATEGIES},
        "accuracies move, the rest of the rows does not",
        (_SORTED, 'table["accuracy"] = sorted(table["accuracy"], reverse=True)'),
    ),
    _strategies(
        "strategies-index", {STRATEGIES}, "the strategy is the index", (_TABLE, 'return table.set_index("strategy")')
    ),
    _strategies("strategies-no-parameters", {STRATEGIES}, "a column less", (', "trainable_parameters"', "")),
    _strategies(
        "strategies-renamed", {STRATEGIES}, "another name", (_TABLE, 'return table.rename(columns={"macro_f1": "f1"})')
    ),
    _strategies("strategies-best-only", {STRATEGIES}, "the best one alone", (_TABLE, f"{_TABLE}.head(1)")),
    _strategies(
        "strategies-percent",
        {STRATEGIES},
        "up to 100",
        (_TABLE, 'return table.assign(accuracy=100 * table["accuracy"])'),
    ),
    _strategies("strategies-rounded", {STRATEGIES}, "two digits", (_TABLE, "return table.round(1)")),
    _strategies("strategies-dict", {STRATEGIES}, "no frame", (_TABLE, 'return table.to_dict("list")')),
]

# --- backbones ----------------------------------------------------------------------------------------------------

_GREY = "images = images.repeat(1, 3, 1, 1)"
_COUNT = "        parameters = sum(parameter.numel() for parameter in network.parameters())\n"

_BACKBONES = [
    _backbones("backbones-random", {BACKBONES}, "no pretrained weights", ('weights="DEFAULT"', "weights=None")),
    _backbones(
        "backbones-train-mode", {BACKBONES}, "train mode", ("        network.eval()\n", "        network.train()\n")
    ),
    _backbones(
        "backbones-one-channel",
        {BACKBONES},
        "two channels of zeros",
        (_GREY, "images = torch.cat([images, torch.zeros_like(images), torch.zeros_like(images)], dim=1)"),
    ),
    _backbones("backbones-not-repeated", {BACKBONES}, "one channel", (f"            {_GREY}\n", "")),
    _backbones(
        "backbones-coloured",
        {BACKBONES},
        "another picture in each channel",
        (_GREY, "images = torch.cat([images, images.flip(-1), images.flip(-2)], dim=1)"),
    ),
    _backbones(
        "backbones-parameters-with-head",
        {BACKBONES},
        "the head counted",
        (_COUNT, "        parameters = sum(p.numel() for p in torchvision.models.get_model(name).parameters())\n"),
    ),
    _backbones(
        "backbones-trainable-parameters",
        {BACKBONES},
        "frozen, then counted",
        (
            _COUNT,
            "        network.requires_grad_(False)\n"
            "        parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)\n",
        ),
    ),
    _backbones(
        "backbones-tensors-counted",
        {BACKBONES},
        "tensors, not numbers",
        ("sum(parameter.numel() for parameter in", "sum(1 for parameter in"),
    ),
    _backbones(
        "backbones-dimension-of-batch",
        {BACKBONES},
        "rows",
        ('"feature_dim": X_train.shape[1]', '"feature_dim": X_train.shape[0]'),
    ),
    _backbones(
        "backbones-classes",
        {BACKBONES},
        "ImageNet's classes",
        ('"feature_dim": X_train.shape[1]', '"feature_dim": 1000'),
    ),
    _backbones(
        "backbones-probe-on-test",
        {BACKBONES},
        "fitted to the test images",
        ("probe.fit(X_train, y_train)", "probe.fit(X_test, y_test)"),
    ),
    _backbones(
        "backbones-training-score",
        {BACKBONES},
        "scored on training images",
        ("y_pred = probe.predict(X_test)", "y_test, y_pred = y_train, probe.predict(X_train)"),
    ),
    _backbones(
        "backbones-swapped-scores",
        {BACKBONES},
        "F1 for accuracy",
        ('"accuracy": accuracy_score(y_test, y_pred)', '"accuracy": f1_score(y_test, y_pred, average="macro")'),
    ),
    _backbones("backbones-no-name", {BACKBONES}, "no name", ('                "name": name,\n', "")),
    _backbones(
        "backbones-name-index",
        {BACKBONES},
        "the name as the index",
        ("return pd.DataFrame(rows)", 'return pd.DataFrame(rows).set_index("name")'),
    ),
    _backbones(
        "backbones-first-only", {BACKBONES}, "one row", ("return pd.DataFrame(rows)", "return pd.DataFrame(rows[:1])")
    ),
    _backbones("backbones-no-seconds", {BACKBONES}, "a column less", ('                "seconds": seconds,\n', "")),
    _backbones(
        "backbones-clock",
        {BACKBONES},
        "a time, not a duration",
        ("seconds = time.perf_counter() - start", "seconds = time.time()"),
    ),
    _backbones("backbones-list", {BACKBONES}, "no frame", ("return pd.DataFrame(rows)", "return rows")),
]

MUTANTS: list[Mutant] = [
    *_TRANSFER,
    *_EXTRACTION,
    *_TUNING,
    *_PROGRESSIVE,
    *_CACHED,
    *_STRATEGIES,
    *_BACKBONES,
]

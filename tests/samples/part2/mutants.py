"""A right solution of Part II (`right/plain.py`) with one realistic mistake each, and the test cells that it may cost.

`loses` is what the principle "one mistake costs its own points and no others" demands, not what an exam happens to do.
"""

from functools import partial
from pathlib import Path

from tests.samples import read_cells
from tests.samples.cases import Mutant, mutant

BASE = read_cells(Path(__file__).parent / "right" / "plain.py")

ARCHITECTURE = "test-cnn-architecture"
FORWARD = "test-cnn-forward"
LEARNS = "test-train-learns"
MODES = "test-train-modes"
HISTORY = "test-train-history"
COMPARE = "test-compare-optimizers"
SCHEDULE = "test-lr-scheduling"
EMBEDDING = "test-embedding-mlp"
EMBED = "test-embed-dataset"
EVALUATE = "test-evaluate"
STOPPING = "bonus-early-stopping"
AUGMENTATION = "bonus-augmentation"

_cnn = partial(mutant, "simple-cnn")
_train = partial(mutant, "train-model")
_compare = partial(mutant, "compare-optimizers")
_schedule = partial(mutant, "lr-scheduling")
_embedding = partial(mutant, "embedding-mlp")
_embed = partial(mutant, "embed-dataset")
_evaluate = partial(mutant, "cross-domain")
_stopping = partial(mutant, "early-stopping")
_augmentation = partial(mutant, "augmentation")

_CONV1 = "nn.Conv2d(1, 32, kernel_size=3, padding=1)"
_CONV2 = "nn.Conv2d(32, 64, kernel_size=3, padding=1)"
_FC1 = "nn.Linear(64 * 7 * 7, 128)"
_LAST = "return self.fc2(x)"
_FIRST_BLOCK = "x = self.pool(F.relu(self.conv1(x)))"
_SECOND_BLOCK = "x = self.pool(F.relu(self.conv2(x)))"
_HIDDEN = "x = self.dropout(F.relu(self.fc1(x)))"

_CNN = [
    _cnn(
        "cnn-one-mask",
        {FORWARD},
        "the same units dropped for the whole batch",
        (_HIDDEN, "x = F.relu(self.fc1(x)) * self.dropout(torch.ones(1, 128))"),
    ),
    _cnn(
        "cnn-cut-in-the-middle",
        {FORWARD},
        "the convolutions never learn",
        ("x = x.flatten(1)", "x = x.detach().flatten(1)"),
    ),
    _cnn(
        "cnn-16-filters",
        {ARCHITECTURE},
        "half as many filters in the first layer",
        (_CONV1, "nn.Conv2d(1, 16, kernel_size=3, padding=1)"),
        (_CONV2, "nn.Conv2d(16, 64, kernel_size=3, padding=1)"),
    ),
    _cnn(
        "cnn-5-by-5",
        {ARCHITECTURE},
        "larger filters",
        (_CONV1, "nn.Conv2d(1, 32, kernel_size=5, padding=2)"),
        (_CONV2, "nn.Conv2d(32, 64, kernel_size=5, padding=2)"),
    ),
    _cnn(
        "cnn-no-padding",
        {ARCHITECTURE},
        "maps of 5 × 5 at the end",
        (_CONV1, "nn.Conv2d(1, 32, kernel_size=3)"),
        (_CONV2, "nn.Conv2d(32, 64, kernel_size=3)"),
        (_FC1, "nn.Linear(64 * 5 * 5, 128)"),
    ),
    _cnn(
        "cnn-64-hidden",
        {ARCHITECTURE},
        "a smaller hidden layer",
        (_FC1, "nn.Linear(64 * 7 * 7, 64)"),
        ("nn.Linear(128, 10)", "nn.Linear(64, 10)"),
    ),
    _cnn(
        "cnn-no-biases",
        {ARCHITECTURE},
        "convolutions without biases",
        (_CONV1, "nn.Conv2d(1, 32, kernel_size=3, padding=1, bias=False)"),
        (_CONV2, "nn.Conv2d(32, 64, kernel_size=3, padding=1, bias=False)"),
    ),
    _cnn(
        "cnn-frozen-layer",
        {ARCHITECTURE},
        "the first layer does not learn",
        ("self.pool = nn.MaxPool2d(2)", "self.pool = nn.MaxPool2d(2)\n        self.conv1.requires_grad_(False)"),
    ),
    _cnn(
        "cnn-layer-left-over",
        {ARCHITECTURE},
        "a layer that is never used",
        ("self.pool = nn.MaxPool2d(2)", "self.pool = nn.MaxPool2d(2)\n        self.extra = nn.Linear(128, 64)"),
    ),
    _cnn("cnn-softmax", {FORWARD}, "probabilities for logits", (_LAST, "return F.softmax(self.fc2(x), dim=1)")),
    _cnn("cnn-log-softmax", {FORWARD}, "log-probabilities", (_LAST, "return F.log_softmax(self.fc2(x), dim=1)")),
    _cnn("cnn-sigmoid", {FORWARD}, "each logit squashed", (_LAST, "return torch.sigmoid(self.fc2(x))")),
    _cnn("cnn-relu-on-logits", {FORWARD}, "a ReLU too many", (_LAST, "return F.relu(self.fc2(x))")),
    _cnn("cnn-no-first-relu", {FORWARD}, "no ReLU", (_FIRST_BLOCK, "x = self.pool(self.conv1(x))")),
    _cnn("cnn-no-second-relu", {FORWARD}, "no ReLU", (_SECOND_BLOCK, "x = self.pool(self.conv2(x))")),
    _cnn("cnn-no-hidden-relu", {FORWARD}, "two linear layers in a row", (_HIDDEN, "x = self.dropout(self.fc1(x))")),
    _cnn("cnn-tanh", {FORWARD}, "tanh for ReLU", (_HIDDEN, "x = self.dropout(torch.tanh(self.fc1(x)))")),
    _cnn("cnn-leaky", {FORWARD}, "leaky ReLU", (_HIDDEN, "x = self.dropout(F.leaky_relu(self.fc1(x), 0.1))")),
    _cnn("cnn-average-pooling", {FORWARD}, "the mean of each block", ("nn.MaxPool2d(2)", "nn.AvgPool2d(2)")),
    _cnn("cnn-no-dropout", {FORWARD}, "dropout is made, not used", (_HIDDEN, "x = F.relu(self.fc1(x))")),
    _cnn("cnn-dropout-quarter", {FORWARD}, "a quarter dropped", ("nn.Dropout(0.5)", "nn.Dropout(0.25)")),
    _cnn("cnn-dropout-most", {FORWARD}, "too much dropped", ("nn.Dropout(0.5)", "nn.Dropout(0.8)")),
    _cnn(
        "cnn-dropout-always",
        {FORWARD},
        "the function drops in eval mode, too",
        (_HIDDEN, "x = F.dropout(F.relu(self.fc1(x)), 0.5)"),
    ),
    _cnn(
        "cnn-dropout-elsewhere",
        {FORWARD},
        "dropout of the pixels of maps",
        ("x = x.flatten(1)", "x = self.dropout(x.flatten(1))"),
        (_HIDDEN, "x = F.relu(self.fc1(x))"),
    ),
    _cnn(
        "cnn-dropout-on-logits",
        {FORWARD},
        "behind the last layer",
        (_HIDDEN, "x = F.relu(self.fc1(x))"),
        (_LAST, "return self.dropout(self.fc2(x))"),
    ),
    _cnn("cnn-squeeze", {FORWARD}, "one image loses its row", (_LAST, "return self.fc2(x).squeeze()")),
    _cnn("cnn-fixed-batch", {FORWARD}, "five images and no others", ("x.flatten(1)", "x.reshape(5, -1)")),
    _cnn(
        "cnn-batch-mixed",
        {FORWARD},
        "images share their rows",
        ("x.flatten(1)", "x.permute(1, 0, 2, 3).reshape(-1, 64 * 7 * 7)"),
    ),
]

_ZERO = "            optimizer.zero_grad()\n"
_BACKWARD = "            loss.backward()\n            optimizer.step()\n"
_TRAIN_MODE = "        model.train()\n"
_EVAL_MODE = "        model.eval()\n"
_NO_GRAD = "        with torch.no_grad():\n"
_LOOP = "    for epoch in range(epochs):\n"
_ADAM = "optim.Adam(model.parameters(), lr=learning_rate)"
_LOGITS_OF_TRAINING = "            logits = model(images)\n            loss = criterion(logits, labels)\n"
_VAL_LOGITS = "                logits = model(images)\n                val_loss +="
_RETURN = "    return history"

_TRAIN = [
    _train(
        "train-one-validation-batch",
        {HISTORY},
        "a break in the loop",
        (
            "                val_seen += len(labels)\n",
            "                val_seen += len(labels)\n                break\n",
        ),
    ),
    _train(
        "train-short-validation-batch-dropped",
        {HISTORY},
        "whole batches alone",
        (
            "            for images, labels in val_loader:\n",
            "            for images, labels in val_loader:\n                if len(labels) < val_loader.batch_size:\n"
            "                    continue\n",
        ),
    ),
    _train("train-no-step", {LEARNS}, "gradients are never used", ("            optimizer.step()\n", "")),
    _train(
        "train-no-backward", {LEARNS, MODES}, "no gradients to use, none to zero", ("            loss.backward()\n", "")
    ),
    _train("train-sgd", {LEARNS}, "plain SGD for Adam", (_ADAM, "optim.SGD(model.parameters(), lr=learning_rate)")),
    _train(
        "train-adamw",
        {LEARNS},
        "decays weights",
        (_ADAM, "optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.1)"),
    ),
    _train(
        "train-rmsprop", {LEARNS}, "another optimizer", (_ADAM, "optim.RMSprop(model.parameters(), lr=learning_rate)")
    ),
    _train(
        "train-adagrad", {LEARNS}, "another optimizer", (_ADAM, "optim.Adagrad(model.parameters(), lr=learning_rate)")
    ),
    _train(
        "train-rate-typed-in", {LEARNS}, "learning_rate is ignored", (_ADAM, "optim.Adam(model.parameters(), lr=1e-3)")
    ),
    _train("train-rate-left-out", {LEARNS}, "the default rate", (_ADAM, "optim.Adam(model.parameters())")),
    _train(
        "train-some-parameters",
        {LEARNS},
        "only the last layer learns",
        (_ADAM, "optim.Adam(list(model.parameters())[-2:], lr=learning_rate)"),
    ),
    _train("train-uphill", {LEARNS}, "climbs", ("            loss.backward()\n", "            (-loss).backward()\n")),
    _train(
        "train-optimizer-each-epoch",
        {LEARNS},
        "Adam forgets its means",
        (f"    optimizer = {_ADAM}\n", ""),
        (_TRAIN_MODE, f"        optimizer = {_ADAM}\n{_TRAIN_MODE}"),
    ),
    _train(
        "train-zeroed-before-step",
        {LEARNS, MODES},
        "gradients gone before they are used",
        (_ZERO, ""),
        ("            optimizer.step()\n", "            optimizer.zero_grad()\n            optimizer.step()\n"),
    ),
    _train(
        "train-step-each-epoch",
        {LEARNS},
        "one step an epoch",
        ("            optimizer.step()\n", ""),
        (_EVAL_MODE, "        optimizer.step()\n        model.eval()\n"),
    ),
    _train(
        "train-two-steps",
        {LEARNS},
        "two steps a batch",
        ("            optimizer.step()\n", "            optimizer.step()\n            optimizer.step()\n"),
    ),
    _train(
        "train-first-batch-only",
        {LEARNS},
        "the loop ends after a batch",
        (
            "            seen += len(labels)\n        model.eval()",
            "            seen += len(labels)\n            break\n        model.eval()",
        ),
    ),
    _train(
        "train-clipped",
        {LEARNS},
        "gradients of almost nothing",
        (
            "            optimizer.step()\n",
            "            nn.utils.clip_grad_value_(model.parameters(), 1e-9)\n            optimizer.step()\n",
        ),
    ),
    _train(
        "train-softmax-first",
        {LEARNS, HISTORY},
        "softmax twice: other gradients and other losses",
        ("loss = criterion(logits, labels)", "loss = criterion(logits.softmax(dim=1), labels)"),
    ),
    _train("train-no-zero-grad", {MODES}, "gradients pile up", (_ZERO, "")),
    _train(
        "train-zero-grad-each-epoch",
        {MODES},
        "gradients pile up within an epoch",
        (_ZERO, ""),
        (_TRAIN_MODE, "        optimizer.zero_grad()\n        model.train()\n"),
    ),
    _train("train-no-train-mode", {MODES}, "eval mode from the second epoch on", (_TRAIN_MODE, "")),
    _train("train-eval-mode-always", {MODES}, "dropout is never on", (_TRAIN_MODE, _EVAL_MODE)),
    _train(
        "train-mode-once",
        {MODES},
        "train mode once, before the epochs",
        (_TRAIN_MODE, ""),
        (_LOOP, f"    model.train()\n{_LOOP}"),
    ),
    _train("train-no-eval-mode", {MODES}, "dropout while validating", (_EVAL_MODE, "")),
    _train("train-no-no-grad", {MODES}, "gradients of validation", (_NO_GRAD, "        if True:\n")),
    _train(
        "train-eval-is-no-no-grad",
        {MODES},
        "model.eval() taken for no_grad",
        (_NO_GRAD, "        for _ in range(1):\n"),
    ),
    _train(
        "train-eval-after-validation",
        {MODES},
        "too late",
        (_EVAL_MODE, ""),
        ('        history["train_loss"]', '        model.eval()\n        history["train_loss"]'),
    ),
    _train(
        "train-loss-of-batches",
        {HISTORY},
        "the mean of the batches' means",
        ("total_loss += loss.item() * len(labels)", "total_loss += loss.item()"),
        ("total_loss / seen", "total_loss / len(train_loader)"),
    ),
    _train(
        "train-val-loss-of-batches",
        {HISTORY},
        "the mean of the batches' means",
        ("val_loss += criterion(logits, labels).item() * len(labels)", "val_loss += criterion(logits, labels).item()"),
        ("val_loss / val_seen", "val_loss / len(val_loader)"),
    ),
    _train("train-loss-sum", {HISTORY}, "sums, not means", ("total_loss / seen", "total_loss")),
    _train("train-loss-of-last-batch", {HISTORY}, "the last batch's loss", ("total_loss / seen", "loss.item()")),
    _train(
        "train-loss-unweighted",
        {HISTORY},
        "batch means over samples",
        ("total_loss += loss.item() * len(labels)", "total_loss += loss.item()"),
    ),
    _train(
        "train-loss-not-reset",
        {HISTORY},
        "grows from epoch to epoch",
        ("        total_loss, correct, seen = 0.0, 0, 0\n", ""),
        (_LOOP, f"    total_loss, correct, seen = 0.0, 0, 0\n{_LOOP}"),
    ),
    _train(
        "train-accuracy-percent",
        {HISTORY},
        "percent",
        ('["train_accuracy"].append(correct / seen)', '["train_accuracy"].append(100 * correct / seen)'),
    ),
    _train(
        "train-val-accuracy-percent", {HISTORY}, "percent", ("val_correct / val_seen)", "100 * val_correct / val_seen)")
    ),
    _train(
        "train-accuracy-count",
        {HISTORY},
        "a count",
        ('["train_accuracy"].append(correct / seen)', '["train_accuracy"].append(correct)'),
    ),
    _train(
        "train-accuracy-of-batches",
        {HISTORY},
        "over the number of batches",
        ('["train_accuracy"].append(correct / seen)', '["train_accuracy"].append(correct / len(train_loader) / 8)'),
    ),
    _train(
        "train-error-rate", {HISTORY}, "errors for accuracy", ("val_correct / val_seen)", "1 - val_correct / val_seen)")
    ),
    _train(
        "train-lists-swapped",
        {HISTORY},
        "training and validation exchanged",
        ('history["train_loss"].append(total_loss / seen)', 'history["val_loss"].append(total_loss / seen)'),
        ('history["val_loss"].append(val_loss / val_seen)', 'history["train_loss"].append(val_loss / val_seen)'),
    ),
    _train(
        "train-value-a-batch",
        {HISTORY},
        "a value a batch",
        ('        history["train_loss"].append(total_loss / seen)\n', ""),
        (
            "            total_loss += loss.item() * len(labels)\n",
            '            history["train_loss"].append(loss.item())\n',
        ),
    ),
    _train(
        "train-last-values",
        {HISTORY},
        "numbers for lists",
        (_RETURN, "    return {name: values[-1] for name, values in history.items()}"),
    ),
    _train("train-tuple", {HISTORY}, "a tuple for a dict", (_RETURN, "    return tuple(history.values())")),
    _train(
        "train-other-keys",
        {HISTORY},
        "abbreviated keys",
        (_RETURN, '    return {name.replace("accuracy", "acc"): values for name, values in history.items()}'),
    ),
    _train("train-nothing-returned", {HISTORY}, "no return", (_RETURN, "    history.clear()")),
    _train("train-return-in-loop", {HISTORY}, "ends after an epoch", (_RETURN, "        return history")),
    _train(
        "train-loss-after-epoch",
        {HISTORY},
        "training loss measured once more, after the epoch",
        (
            '        history["train_loss"].append(total_loss / seen)\n',
            "        with torch.no_grad():\n"
            "            again = [criterion(model(x), y).item() * len(y) for x, y in train_loader]\n"
            '        history["train_loss"].append(sum(again) / seen)\n',
        ),
    ),
    _train(
        "train-trains-on-validation",
        {HISTORY, MODES},
        "the loop was copied with its step, which takes gradients while validating",
        (
            _NO_GRAD,
            "        with torch.no_grad():\n            for images, labels in []:\n                pass\n"
            "        if True:\n",
        ),
        (
            "                val_loss += criterion(logits, labels).item() * len(labels)\n",
            "                optimizer.zero_grad()\n                loss = criterion(logits, labels)\n"
            "                loss.backward()\n"
            "                optimizer.step()\n                val_loss += loss.item() * len(labels)\n",
        ),
    ),
    _train(
        "train-step-in-validation",
        {HISTORY},
        "a step left over in validation",
        (
            "                val_seen += len(labels)\n",
            "                val_seen += len(labels)\n                optimizer.step()\n",
        ),
    ),
    _train(
        "train-validates-on-training",
        {HISTORY},
        "the wrong loader",
        ("for images, labels in val_loader:", "for images, labels in train_loader:"),
    ),
]

_MAKE = "optimizer = make(model.parameters(), lr=learning_rate)"
_SEED = "        torch.manual_seed(seed)\n"
_MODEL = "        model = model_class().to(device)\n"
_BY_OPTIMIZER = "    for name, make in optimizers.items():\n"

_COMPARE = [
    _compare(
        "compare-one-validation-batch",
        {COMPARE},
        "a break in the loop",
        (
            "                    seen += len(labels)\n",
            "                    seen += len(labels)\n                    break\n",
        ),
    ),
    _compare(
        "compare-made-in-each-epoch",
        {COMPARE},
        "an optimizer that forgets",
        ("        for epoch in range(epochs):\n", f"        for epoch in range(epochs):\n            {_MAKE}\n"),
    ),
    _compare(
        "compare-one-model",
        {COMPARE},
        "the same model is trained on",
        (_SEED + _MODEL, ""),
        (_BY_OPTIMIZER, f"    torch.manual_seed(seed)\n    model = model_class().to(device)\n{_BY_OPTIMIZER}"),
    ),
    _compare("compare-no-seed", {COMPARE}, "other weights for each", (_SEED, "")),
    _compare(
        "compare-seed-once",
        {COMPARE},
        "seeded before the loop",
        (_SEED, ""),
        (_BY_OPTIMIZER, f"    torch.manual_seed(seed)\n{_BY_OPTIMIZER}"),
    ),
    _compare("compare-seed-ignored", {COMPARE}, "always 42", (_SEED, "        torch.manual_seed(42)\n")),
    _compare("compare-seed-too-late", {COMPARE}, "behind the model", (_SEED + _MODEL, _MODEL + _SEED)),
    _compare(
        "compare-rate-ignored", {COMPARE}, "a rate of its own", (_MAKE, "optimizer = make(model.parameters(), lr=1e-3)")
    ),
    _compare(
        "compare-always-adam",
        {COMPARE},
        "the optimizers given are not used",
        (
            _MAKE,
            "make(model.parameters(), lr=learning_rate)\n"
            "        optimizer = optim.Adam(model.parameters(), lr=learning_rate)",
        ),
    ),
    _compare("compare-no-zero-grad", {COMPARE}, "gradients pile up", ("                optimizer.zero_grad()\n", "")),
    _compare("compare-no-step", {COMPARE}, "nothing is learnt", ("                optimizer.step()\n", "")),
    _compare("compare-no-eval", {COMPARE}, "accuracy in train mode", ("            model.eval()\n", "")),
    _compare("compare-no-train", {COMPARE}, "eval mode from the second epoch on", ("            model.train()\n", "")),
    _compare(
        "compare-training-accuracy",
        {COMPARE},
        "measured on training data",
        ("for images, labels in val_loader:", "for images, labels in train_loader:"),
    ),
    _compare(
        "compare-percent",
        {COMPARE},
        "percent",
        ("accuracies.append(correct / seen)", "accuracies.append(100 * correct / seen)"),
    ),
    _compare(
        "compare-batch-means",
        {COMPARE},
        "a mean of batches",
        (
            "correct += (model(images).argmax(dim=1) == labels).sum().item()",
            "correct += (model(images).argmax(dim=1) == labels).float().mean().item()",
        ),
        ("accuracies.append(correct / seen)", "accuracies.append(correct / len(val_loader))"),
    ),
    _compare(
        "compare-last-only",
        {COMPARE},
        "one number for each",
        ("results[name] = accuracies", "results[name] = accuracies[-1]"),
    ),
    _compare(
        "compare-list", {COMPARE}, "a list for a dict", ("    return results", "    return list(results.values())")
    ),
    _compare(
        "compare-shared-list",
        {COMPARE},
        "one list for all",
        ("        accuracies = []\n", ""),
        ("    results = {}\n", "    results, accuracies = {}, []\n"),
    ),
    _compare(
        "compare-epochs-ignored",
        {COMPARE},
        "always two epochs",
        ("for epoch in range(epochs):", "for epoch in range(2):"),
    ),
    _compare(
        "compare-three-epochs",
        {COMPARE},
        "the default, always",
        ("for epoch in range(epochs):", "for epoch in range(3):"),
    ),
    _compare(
        "compare-first-only", {COMPARE}, "return within the loop", ("    return results", "        return results")
    ),
    _compare(
        "compare-accuracy-before",
        {COMPARE},
        "measured before each epoch",
        (
            "            accuracies.append(correct / seen)\n",
            "            accuracies.append(last)\n            last = correct / seen\n",
        ),
        ("        accuracies = []\n", "        accuracies, last = [], 0.0\n"),
    ),
]

_PLATEAU = 'optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=factor, patience=patience)'
_STEP = '        scheduler.step(history["val_loss"][-1])\n'
_LOG = '        history["lr"].append(optimizer.param_groups[0]["lr"])\n'

_SCHEDULE = [
    _schedule(
        "schedule-last-batch",
        {SCHEDULE},
        "told the loss of the last validation batch",
        (_STEP, "        scheduler.step(criterion(logits, labels).item())\n"),
    ),
    _schedule("schedule-no-step", {SCHEDULE}, "the scheduler is never asked", (_STEP, "")),
    _schedule(
        "schedule-on-training-loss",
        {SCHEDULE},
        "the wrong loss",
        (_STEP, '        scheduler.step(history["train_loss"][-1])\n'),
    ),
    _schedule(
        "schedule-on-accuracy",
        {SCHEDULE},
        "accuracy for loss",
        (_STEP, '        scheduler.step(history["val_accuracy"][-1])\n'),
    ),
    _schedule("schedule-max", {SCHEDULE}, "waits for a maximum", ('mode="min"', 'mode="max"')),
    _schedule("schedule-patience-ignored", {SCHEDULE}, "the default patience", (", patience=patience)", ")")),
    _schedule("schedule-factor-ignored", {SCHEDULE}, "the default factor", (" factor=factor,", "")),
    _schedule(
        "schedule-patience-less-one",
        {SCHEDULE},
        "one epoch too early",
        ("patience=patience)", "patience=patience - 1)"),
    ),
    _schedule(
        "schedule-each-batch",
        {SCHEDULE},
        "a step a batch",
        (
            "            seen += len(labels)\n        model.eval()",
            "            seen += len(labels)\n            scheduler.step(loss.item())\n        model.eval()",
        ),
        (_STEP, ""),
    ),
    _schedule("schedule-twice", {SCHEDULE}, "two steps an epoch", (_STEP, _STEP + _STEP)),
    _schedule(
        "schedule-exponential",
        {SCHEDULE},
        "another schedule",
        (_PLATEAU, "optim.lr_scheduler.ExponentialLR(optimizer, factor)"),
        (_STEP, "        scheduler.step()\n"),
    ),
    _schedule(
        "schedule-step-lr",
        {SCHEDULE},
        "falls by the clock",
        (_PLATEAU, "optim.lr_scheduler.StepLR(optimizer, patience, factor)"),
        (_STEP, "        scheduler.step()\n"),
    ),
    _schedule(
        "schedule-one-epoch-late",
        {SCHEDULE},
        "the loss of the epoch before",
        (_STEP, '        if epoch:\n            scheduler.step(history["val_loss"][-2])\n'),
    ),
    _schedule(
        "schedule-loss-of-last-batch",
        {SCHEDULE},
        "one batch's loss",
        (_STEP, "        scheduler.step(criterion(logits, labels).item() + epoch)\n"),
    ),
    _schedule(
        "schedule-other-optimizer",
        {SCHEDULE},
        "steers an optimizer that is not used",
        ("ReduceLROnPlateau(optimizer,", f"ReduceLROnPlateau({_ADAM},"),
    ),
    _schedule("schedule-log-after-step", {SCHEDULE}, "the next epoch's rate", (_LOG, ""), (_STEP, f"{_STEP}{_LOG}")),
    _schedule(
        "schedule-log-first-rate",
        {SCHEDULE},
        "what it began with",
        (_LOG, '        history["lr"].append(learning_rate)\n'),
    ),
    _schedule("schedule-no-lr", {SCHEDULE}, "no list of rates", (_LOG, "")),
    _schedule(
        "schedule-log-each-batch",
        {SCHEDULE},
        "a rate a batch",
        (_LOG, ""),
        (
            "            seen += len(labels)\n        model.eval()",
            "            seen += len(labels)\n"
            '            history["lr"].append(optimizer.param_groups[0]["lr"])\n        model.eval()',
        ),
    ),
    _schedule(
        "schedule-log-last-rate",
        {SCHEDULE},
        "one number",
        (_RETURN, '    history["lr"] = optimizer.param_groups[0]["lr"]\n    return history'),
    ),
    _schedule(
        "schedule-starts-elsewhere", {SCHEDULE}, "a rate of its own", (_ADAM, "optim.Adam(model.parameters(), lr=1e-3)")
    ),
    _schedule("schedule-sgd", {SCHEDULE}, "SGD for Adam", (_ADAM, "optim.SGD(model.parameters(), lr=learning_rate)")),
    _schedule("schedule-no-eval", {SCHEDULE}, "dropout while validating", (_EVAL_MODE, "")),
    _schedule("schedule-no-train", {SCHEDULE}, "eval mode from the second epoch on", (_TRAIN_MODE, "")),
    _schedule("schedule-no-no-grad", {SCHEDULE}, "gradients while validating", (_NO_GRAD, "        if True:\n")),
    _schedule(
        "schedule-no-accuracies",
        {SCHEDULE},
        "fewer lists than train_model",
        (_RETURN, '    return {name: history[name] for name in ("train_loss", "val_loss", "lr")}'),
    ),
    _schedule(
        "schedule-batch-means",
        {SCHEDULE},
        "the mean of the batches' means",
        ("val_loss += criterion(logits, labels).item() * len(labels)", "val_loss += criterion(logits, labels).item()"),
        ("val_loss / val_seen", "val_loss / len(val_loader)"),
    ),
    _schedule(
        "schedule-stops",
        {SCHEDULE},
        "stops when the rate falls",
        (_STEP, f'{_STEP}        if optimizer.param_groups[0]["lr"] < learning_rate:\n            break\n'),
    ),
]

_FEATURES = "return self.fc2(F.relu(self.fc1(x)))"
_HEAD = "return self.fc3(F.relu(self.features20(x)))"

_EMBEDDING = [
    _embedding(
        "embedding-cut-at-the-features",
        {EMBEDDING},
        "features without gradients",
        (_FEATURES, "return self.fc2(F.relu(self.fc1(x))).detach()"),
    ),
    _embedding(
        "embedding-after-relu",
        {EMBEDDING},
        "features behind their ReLU",
        (_FEATURES, "return F.relu(self.fc2(F.relu(self.fc1(x))))"),
    ),
    _embedding(
        "embedding-no-first-relu",
        {EMBEDDING},
        "two linear layers in a row",
        (_FEATURES, "return self.fc2(self.fc1(x))"),
    ),
    _embedding(
        "embedding-no-last-relu",
        {EMBEDDING},
        "no ReLU behind the features",
        (_HEAD, "return self.fc3(self.features20(x))"),
    ),
    _embedding(
        "embedding-softmax",
        {EMBEDDING},
        "probabilities",
        (_HEAD, "return F.softmax(self.fc3(F.relu(self.features20(x))), dim=1)"),
    ),
    _embedding(
        "embedding-first-layer",
        {EMBEDDING},
        "the 30 units",
        (_FEATURES, "return F.relu(self.fc1(x))"),
        (_HEAD, "return self.fc3(F.relu(self.fc2(self.features20(x))))"),
    ),
    _embedding(
        "embedding-logits-as-features",
        {EMBEDDING},
        "the last layer",
        (_HEAD, "return self.features20(x)"),
        (_FEATURES, "return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))"),
    ),
    _embedding(
        "embedding-32-units",
        {EMBEDDING},
        "powers of two",
        ("nn.Linear(784, 30)", "nn.Linear(784, 32)"),
        ("nn.Linear(30, 20)", "nn.Linear(32, 20)"),
    ),
    _embedding(
        "embedding-no-bias",
        {EMBEDDING},
        "no bias in the last layer",
        ("nn.Linear(20, 10)", "nn.Linear(20, 10, bias=False)"),
    ),
    _embedding("embedding-not-flattened", {EMBEDDING}, "takes rows of pixels only", ("        x = x.flatten(1)\n", "")),
    _embedding(
        "embedding-dropout",
        {EMBEDDING},
        "drops in train mode",
        (_HEAD, "return self.fc3(F.dropout(F.relu(self.features20(x)), 0.5, self.training))"),
    ),
    _embedding("embedding-tanh", {EMBEDDING}, "tanh for ReLU", (_FEATURES, "return self.fc2(torch.tanh(self.fc1(x)))")),
    _embedding(
        "embedding-list-of-layers",
        {EMBEDDING},
        "layers in a plain list are no parameters",
        ("self.fc3 = nn.Linear(20, 10)", "self.last = [nn.Linear(20, 10)]"),
        (_HEAD, "return self.last[0](F.relu(self.features20(x)))"),
    ),
]

_EMBED = [
    _embed("embed-no-eval", {EMBED}, "features of train mode", ("    model.eval()\n", "")),
    _embed(
        "embed-no-no-grad", {EMBED}, "gradients", ("with torch.no_grad():", "if True:"), (".cpu())", ".detach().cpu())")
    ),
    _embed("embed-left-in-eval", {EMBED}, "the mode is not restored", ("    model.train(was_training)\n", "")),
    _embed(
        "embed-left-in-train", {EMBED}, "train mode whatever it was", ("model.train(was_training)", "model.train()")
    ),
    _embed(
        "embed-mode-read-late",
        {EMBED},
        "reads the mode that it has set",
        (
            "    was_training = model.training\n    model.eval()\n",
            "    model.eval()\n    was_training = model.training\n",
        ),
    ),
    _embed("embed-last-batch", {EMBED}, "only the last batch", ("torch.cat(features)", "features[-1]")),
    _embed(
        "embed-first-batch",
        {EMBED},
        "the loop ends at once",
        ("            targets.append(labels)\n", "            targets.append(labels)\n            break\n"),
    ),
    _embed(
        "embed-full-batches",
        {EMBED},
        "the short batch is dropped",
        (
            "torch.cat(features).numpy(), torch.cat(targets).numpy()",
            "torch.cat(features[:-1]).numpy(), torch.cat(targets[:-1]).numpy()",
        ),
    ),
    _embed(
        "embed-two-passes",
        {EMBED},
        "labels in another order",
        ("torch.cat(targets).numpy()", "torch.cat([labels for _, labels in loader]).numpy()"),
    ),
    _embed(
        "embed-logits",
        {EMBED},
        "logits for features",
        ("model.features20(images.to(device))", "model(images.to(device))"),
    ),
    _embed(
        "embed-float64",
        {EMBED},
        "double precision",
        ("torch.cat(features).numpy()", "torch.cat(features).double().numpy()"),
    ),
    _embed(
        "embed-relu",
        {EMBED},
        "a ReLU on top",
        ("model.features20(images.to(device))", "F.relu(model.features20(images.to(device)))"),
    ),
    _embed(
        "embed-standardised",
        {EMBED},
        "other numbers",
        ("torch.cat(features).numpy()", "F.normalize(torch.cat(features)).numpy()"),
    ),
    _embed(
        "embed-list-of-batches",
        {EMBED},
        "not put together",
        ("torch.cat(features).numpy(), torch.cat(targets).numpy()", "features, targets"),
    ),
    _embed(
        "embed-features-only",
        {EMBED},
        "no labels",
        ("torch.cat(features).numpy(), torch.cat(targets).numpy()", "torch.cat(features).numpy()"),
    ),
    _embed(
        "embed-predictions",
        {EMBED},
        "answers for labels",
        ("targets.append(labels)", "targets.append(features[-1].argmax(dim=1))"),
    ),
]

_EVALUATE = [
    _evaluate("evaluate-no-eval", {EVALUATE}, "train mode", ("    model.eval()\n", "")),
    _evaluate("evaluate-no-no-grad", {EVALUATE}, "gradients", ("with torch.no_grad():", "if True:")),
    _evaluate("evaluate-left-in-eval", {EVALUATE}, "the mode is not restored", ("    model.train(was_training)\n", "")),
    _evaluate(
        "evaluate-left-in-train",
        {EVALUATE},
        "train mode whatever it was",
        ("model.train(was_training)", "model.train()"),
    ),
    _evaluate(
        "evaluate-transposed",
        {EVALUATE},
        "rows of answers",
        ("confusion_matrix(y_true, y_pred,", "confusion_matrix(y_pred, y_true,"),
    ),
    _evaluate("evaluate-small-matrix", {EVALUATE}, "only classes that occur", (", labels=range(10))", ")")),
    _evaluate(
        "evaluate-normalised",
        {EVALUATE},
        "shares for counts",
        ("labels=range(10)", 'labels=range(10), normalize="true"'),
    ),
    _evaluate(
        "evaluate-percent",
        {EVALUATE},
        "percent",
        ("accuracy_score(y_true, y_pred)", "100 * accuracy_score(y_true, y_pred)"),
    ),
    _evaluate("evaluate-micro", {EVALUATE}, "micro for macro", ('average="macro"', 'average="micro"')),
    _evaluate("evaluate-weighted", {EVALUATE}, "weighted for macro", ('average="macro"', 'average="weighted"')),
    _evaluate(
        "evaluate-f1-all-classes",
        {EVALUATE},
        "zeros for classes that do not occur",
        ('average="macro"', 'labels=range(10), average="macro"'),
    ),
    _evaluate(
        "evaluate-first-batch",
        {EVALUATE},
        "the loop ends at once",
        ("            true.append(labels)\n", "            true.append(labels)\n            break\n"),
    ),
    _evaluate(
        "evaluate-f1-of-batches",
        {EVALUATE},
        "a mean over batches",
        (
            'f1_score(y_true, y_pred, average="macro")',
            'np.mean([f1_score(t, p, average="macro") for t, p in zip(true, predicted)])',
        ),
    ),
    _evaluate(
        "evaluate-accuracy-of-batches",
        {EVALUATE},
        "a mean over batches",
        ("accuracy_score(y_true, y_pred)", "np.mean([accuracy_score(t, p) for t, p in zip(true, predicted)])"),
    ),
    _evaluate(
        "evaluate-largest-probability", {EVALUATE}, "the least likely class", (".argmax(dim=1)", ".argmin(dim=1)")
    ),
    _evaluate("evaluate-other-keys", {EVALUATE}, "another name", ('"macro_f1"', '"f1"')),
    _evaluate(
        "evaluate-no-matrix",
        {EVALUATE},
        "accuracy by class for a matrix",
        (
            "confusion_matrix(y_true, y_pred, labels=range(10))",
            "confusion_matrix(y_true, y_pred, labels=range(10)).diagonal()",
        ),
    ),
    _evaluate(
        "evaluate-tuple",
        {EVALUATE},
        "a tuple",
        ("    return {\n", "    return tuple({\n"),
        ("labels=range(10)),\n    }", "labels=range(10)),\n    }.values())"),
    ),
]

_BETTER = 'if history["val_loss"][-1] < best_loss:'
_SNAPSHOT = "            best_weights = copy.deepcopy(model.state_dict())\n"
_RESTORE = "    model.load_state_dict(best_weights)\n"
_PATIENCE = "            if waited >= patience:\n"

_STOPPING = [
    _stopping(
        "stopping-last-batch",
        {STOPPING},
        "watches the loss of the last validation batch",
        (_BETTER, "watched = criterion(logits, labels).item()\n        if watched < best_loss:"),
        ('            best_loss = history["val_loss"][-1]\n', "            best_loss = watched\n"),
    ),
    _stopping("stopping-never", {STOPPING}, "goes on to max_epochs", (_PATIENCE, "            if False:\n")),
    _stopping("stopping-one-late", {STOPPING}, "an epoch too many", (_PATIENCE, "            if waited > patience:\n")),
    _stopping(
        "stopping-one-early", {STOPPING}, "an epoch too few", (_PATIENCE, "            if waited + 1 >= patience:\n")
    ),
    _stopping("stopping-at-once", {STOPPING}, "patience is ignored", (_PATIENCE, "            if True:\n")),
    _stopping("stopping-count-not-reset", {STOPPING}, "counts all bad epochs", ("            waited = 0\n", "")),
    _stopping(
        "stopping-against-last",
        {STOPPING},
        "compares with the epoch before",
        (_BETTER, 'if len(history["val_loss"]) < 2 or history["val_loss"][-1] < history["val_loss"][-2]:'),
    ),
    _stopping(
        "stopping-on-training-loss",
        {STOPPING},
        "the wrong loss",
        (_BETTER, 'if history["train_loss"][-1] < best_loss:'),
        ('best_loss = history["val_loss"][-1]', 'best_loss = history["train_loss"][-1]'),
    ),
    _stopping(
        "stopping-on-accuracy",
        {STOPPING},
        "accuracy for loss",
        (_BETTER, 'if -history["val_accuracy"][-1] < best_loss:'),
        ('best_loss = history["val_loss"][-1]', 'best_loss = -history["val_accuracy"][-1]'),
    ),
    _stopping("stopping-no-restore", {STOPPING}, "the last weights", (_RESTORE, "")),
    _stopping(
        "stopping-no-copy",
        {STOPPING},
        "a reference for a copy",
        (_SNAPSHOT, "            best_weights = model.state_dict()\n"),
    ),
    _stopping(
        "stopping-shallow-copy",
        {STOPPING},
        "a dict of the same tensors",
        (_SNAPSHOT, "            best_weights = dict(model.state_dict())\n"),
    ),
    _stopping("stopping-first-weights", {STOPPING}, "the snapshot is never renewed", (_SNAPSHOT, "")),
    _stopping(
        "stopping-restore-on-break",
        {STOPPING},
        "a snapshot of the wrong epoch",
        (_SNAPSHOT, ""),
        (
            "            waited += 1\n",
            "            waited += 1\n            best_weights = copy.deepcopy(model.state_dict())\n",
        ),
    ),
    _stopping(
        "stopping-max-epochs-ignored", {STOPPING}, "a loop of a fixed length", ("range(max_epochs)", "range(100)")
    ),
    _stopping(
        "stopping-history-of-best",
        {STOPPING},
        "the history is cut",
        (_RETURN, "    return {name: values[: len(values) - waited] for name, values in history.items()}"),
    ),
    _stopping("stopping-no-eval", {STOPPING}, "dropout while validating", (_EVAL_MODE, "")),
    _stopping("stopping-no-no-grad", {STOPPING}, "gradients while validating", (_NO_GRAD, "        if True:\n")),
    _stopping(
        "stopping-batch-means",
        {STOPPING},
        "the mean of the batches' means",
        ("val_loss += criterion(logits, labels).item() * len(labels)", "val_loss += criterion(logits, labels).item()"),
        ("val_loss / val_seen", "val_loss / len(val_loader)"),
    ),
    _stopping(
        "stopping-keeps-maximum",
        {STOPPING},
        "the worst epoch",
        (_BETTER, 'if history["val_loss"][-1] > best_loss:'),
        ('float("inf")', 'float("-inf")'),
    ),
]

_AFFINE = "transforms.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1))"

_AUGMENTATION = [
    _augmentation("augmentation-inverted", {AUGMENTATION}, "black on white", (_AFFINE, "transforms.RandomInvert(0.5)")),
    _augmentation(
        "augmentation-default-crop",
        {AUGMENTATION},
        "crops down to a twelfth",
        (_AFFINE, "transforms.RandomResizedCrop(28)"),
    ),
    _augmentation(
        "augmentation-mirrored", {AUGMENTATION}, "a mirrored 2 is no 2", (_AFFINE, "transforms.RandomHorizontalFlip()")
    ),
    _augmentation(
        "augmentation-upside-down", {AUGMENTATION}, "a 6 becomes a 9", (_AFFINE, "transforms.RandomVerticalFlip()")
    ),
    _augmentation(
        "augmentation-any-angle", {AUGMENTATION}, "any rotation", (_AFFINE, "transforms.RandomRotation(180)")
    ),
    _augmentation(
        "augmentation-quarter-turns", {AUGMENTATION}, "large rotations", (_AFFINE, "transforms.RandomRotation(90)")
    ),
    _augmentation(
        "augmentation-far-shifts",
        {AUGMENTATION},
        "moves the digit out of the image",
        (_AFFINE, "transforms.RandomAffine(0, translate=(0.6, 0.6))"),
    ),
    _augmentation(
        "augmentation-crops",
        {AUGMENTATION},
        "keeps almost nothing",
        (_AFFINE, "transforms.RandomResizedCrop(28, scale=(0.02, 0.05))"),
    ),
    _augmentation("augmentation-nothing", {AUGMENTATION}, "not random", (_AFFINE, "transforms.Compose([])")),
    _augmentation(
        "augmentation-always-the-same", {AUGMENTATION}, "a fixed angle", (_AFFINE, "transforms.RandomRotation((8, 8))")
    ),
    _augmentation(
        "augmentation-normalises",
        {AUGMENTATION},
        "leaves [0, 1]",
        (_AFFINE, f"transforms.Compose([{_AFFINE}, transforms.Normalize((0.13,), (0.31,))])"),
    ),
    _augmentation(
        "augmentation-noise",
        {AUGMENTATION},
        "leaves [0, 1]",
        (_AFFINE, "transforms.Lambda(lambda x: x + 0.2 * torch.randn_like(x))"),
    ),
    _augmentation(
        "augmentation-larger",
        {AUGMENTATION},
        "another size",
        (_AFFINE, f"transforms.Compose([{_AFFINE}, transforms.Pad(2)])"),
    ),
    _augmentation(
        "augmentation-to-tensor",
        {AUGMENTATION},
        "takes pictures, no tensors",
        (_AFFINE, f"transforms.Compose([{_AFFINE}, transforms.ToTensor()])"),
    ),
    _augmentation(
        "augmentation-bytes",
        {AUGMENTATION},
        "0 … 255",
        (_AFFINE, f"transforms.Compose([{_AFFINE}, transforms.ConvertImageDtype(torch.uint8)])"),
    ),
    _augmentation(
        "augmentation-three-channels",
        {AUGMENTATION},
        "colours",
        (_AFFINE, f"transforms.Compose([{_AFFINE}, transforms.Lambda(lambda x: x.repeat(3, 1, 1))])"),
    ),
    _augmentation(
        "augmentation-drawn-once",
        {AUGMENTATION},
        "drawn when it is made",
        (
            _AFFINE,
            "(lambda angle: transforms.Lambda(lambda x: transforms.functional.rotate(x, "
            "angle)))(float(torch.randint(-9, 10, ())))",
        ),
    ),
]

MUTANTS: list[Mutant] = [
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

"""The self-checks of Part II: usual mistakes are named, and what the tasks leave free passes."""

import pytest
from checking import CHECKS, REFERENCE, outcome, task_of

from helpers.checks.selfcheck import NOT_YET, PASSED
from tests.samples import exchange

pytestmark = pytest.mark.usefixtures("as_in_grading")
MISTAKES = [
    ("cnn-architecture", "nn.Conv2d(32, 64, kernel_size=3", "nn.Conv2d(32, 48, kernel_size=3", "(64, 32, 3, 3)"),
    ("cnn-architecture", "nn.Linear(128, 10)", "nn.Linear(128, 10, bias=False)", "421,642 parameters"),
    ("cnn-forward", "nn.Linear(128, 10)", "nn.Linear(128, 10), nn.Softmax(dim=1)", "probabilities"),
    ("cnn-forward", "nn.Linear(128, 10)", "nn.Linear(128, 10), nn.LogSoftmax(dim=1)", "logarithms"),
    ("cnn-forward", "nn.Dropout(0.5),", "", "dropout in train mode"),
    ("cnn-forward", "self.features(x))", "self.features(x)[:1])", "One row per image"),
    ("train-learns", "optimizer.step()", "pass", "the given model to be trained"),
    ("train-learns", "optim.Adam(model.parameters(), lr=learning_rate)", "optim.Adam(model.parameters())", "Adam's"),
    ("train-learns", "optim.Adam", "optim.SGD", "Adam's first step"),
    ("train-learns", "    return history\n", "", "return history"),
    ("train-modes", 'model.train(phase == "train")', "model.eval()", "train mode on all training batches"),
    ("train-modes", 'model.train(phase == "train")', "model.train()", "eval mode on all validation batches"),
    ("train-modes", "torch.set_grad_enabled(model.training)", "torch.enable_grad()", "no gradients in validation"),
    ("train-modes", "optimizer.zero_grad()", "pass", "each gradient alone"),
    ("train-history", 'reduction="none")  # one value an image', ").reshape(1)", "weigh each batch by its size"),
    ("train-history", '("val", val_loader))', '("val", train_loader))', "val_loss"),
    ("compare-optimizers", "torch.manual_seed(seed)", "pass", "the same initial weights"),
    ("compare-optimizers", "torch.manual_seed(seed)", "torch.manual_seed(0)", "another start for another seed"),
    ("compare-optimizers", "parameters(), lr=learning_rate)", "parameters(), lr=1e-3)", "Pass the rate on"),
    ("compare-optimizers", "in val_loader]", "in train_loader]", "after the last step"),
    ("lr-scheduling", 'history["val_loss"][-1])', 'history["train_loss"][-1])', "Is it told val_loss?"),
    ("lr-scheduling", "factor=factor", "factor=0.1", "Pass factor on"),
    ("lr-scheduling", "patience=patience", "patience=3", "epochs 4 and 6"),
    (
        "lr-scheduling",
        'history["lr"].append(optimizer.param_groups[0]["lr"])\n        one_pass',
        "one_pass",
        "values in lr",
    ),
    ("early-stopping", ">= patience", "> patience", "5 epochs"),
    ("early-stopping", "= epoch, copy.deepcopy(model.state_dict())", "= epoch, model.state_dict()", "epoch 3"),
    ("early-stopping", "    model.load_state_dict(best_weights)\n", "", "put back at the end"),
    ("embedding-mlp", "nn.Linear(30, 20))", "nn.Linear(30, 20), nn.ReLU())", "before their ReLU"),
    ("embedding-mlp", "nn.Linear(784, 30)", "nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 30)", "(30, 784)"),
    ("embed-dataset", "    model.eval()\n", "", "eval mode"),
    ("embed-dataset", "    model.train(was_training)\n", "", "the mode in which it came"),
    ("evaluate", "torch.no_grad()", "torch.enable_grad()", "no_grad"),
    ("evaluate", "confusion_matrix(y_true, y_pred, labels=range(10))", "confusion_matrix(y_true, y_pred)", "(10, 10)"),
    ("evaluate", "confusion_matrix(y_true, y_pred,", "confusion_matrix(y_pred, y_true,", "Rows are the truth"),
    ("evaluate", 'average="macro"', 'average="weighted"', "macro-F1 0.778"),
    ("evaluate", "    model.train(was_training)\n", "", "the mode in which it came"),
    ("augmentation", "degrees=12", "degrees=180", "an L that stays an L"),
    ("augmentation", "return v2.RandomAffine(", "return v2.Resize(20) if 1 else v2.RandomAffine(", "(1, 28, 28)"),
    ("augmentation", "return v2.RandomAffine(", "return v2.Identity() if 1 else v2.RandomAffine(", "Is it random?"),
]


@pytest.mark.parametrize(("name", "old", "new", "said"), MISTAKES)
def test_a_mistake_is_named(name, old, new, said, capsys):
    text = outcome(capsys, "part2", name, exchange(REFERENCE["part2"], task_of(name), (old, new)))
    assert NOT_YET in text
    assert said in text


FREEDOMS = [
    ("train-model", "model.train(phase == ", "model.train(mode=phase == "),
    ("train-model", "optimizer.zero_grad()", "model.zero_grad(set_to_none=False)"),
    ("embed-dataset", "torch.no_grad()", "torch.inference_mode()"),
    ("cross-domain", "torch.no_grad()", "torch.inference_mode()"),
    ("simple-cnn", "self.features", "self.trunk"),
]


@pytest.mark.parametrize(("task", "old", "new"), FREEDOMS)
def test_what_the_tasks_leave_free_passes(task, old, new, capsys):
    given = REFERENCE["part2"]
    cells = {**given, task: given[task].replace(old, new)}  # wherever it stands
    assert cells != given
    for name in (name for name in CHECKS["part2"].checks if task_of(name) == task):
        assert PASSED in outcome(capsys, "part2", name, cells)

"""The self-checks of Part III: usual mistakes are named."""

from pathlib import Path

import pytest
from checking import REFERENCE, outcome, task_of

from helpers.checks.selfcheck import NOT_YET, PASSED
from tests import samples
from tests.samples import exchange, read_cells

pytestmark = pytest.mark.usefixtures("as_in_grading")
MISTAKES = [
    ("transfer-structure", 'weights="DEFAULT"', "weights=None", "pretrained weights and statistics"),
    ("transfer-structure", ".requires_grad_(False)", "", "a frozen backbone"),
    ("transfer-structure", "nn.Conv2d(1, 3, kernel_size=1)", "nn.Conv2d(1, 3, kernel_size=3, padding=1)", "1 × 1"),
    ("transfer-structure", "num_classes)\n", "10)\n", "for num_classes=4"),
    (
        "transfer-structure",
        "nn.Linear(self.model.last_channel, num_classes)",
        "nn.Linear(1280, num_classes).requires_grad_(False)",
        "a trainable classifier",
    ),
    ("transfer-forward", "self.model(self.to_colour(x))", "self.model(self.to_colour(x)).softmax(1)", "the logits of"),
    ("transfer-forward", "self.model(self.to_colour(x))", "self.model(x.expand(-1, 3, -1, -1))", "the logits of"),
    ("transfer-forward", "self.to_colour(x))", "self.to_colour(x).detach())", "gradients at the 1 × 1 convolution"),
    ("unfreeze-layers", "[first_open:]", "[-num_layers:]", "no block open"),
    ("unfreeze-layers", "[first_open:]", "[:num_layers]", "the blocks [17, 18] open"),
    (
        "unfreeze-layers",
        "max(len(self.model.features) - num_layers, 0)",
        "len(self.model.features) - num_layers",
        "all",
    ),
    ("feature-extraction", "                module.eval()\n", "                pass\n", "batch-norm statistics"),
    ("feature-extraction", "        model.train()\n", "        pass\n", "the head's dropout on"),
    ("feature-extraction", "needs_gradients and not any(", "not any(", "the head's dropout on"),
    ("feature-extraction", " if parameter.requires_grad]", "]", "the trainable parameters alone"),
    ("feature-extraction", "        model.eval()\n", "", "eval mode while validating"),
    (
        "feature-extraction",
        "one_pass(model, val_loader, device)",
        "one_pass(model, train_loader, device)",
        "both loaders",
    ),
    ("fine-tuning", "    model.unfreeze_layers(num_layers)\n", "", "to be called"),
    ("fine-tuning", "model.unfreeze_layers(num_layers)", "model.unfreeze_layers(3)", "1 block opened"),
    ("fine-tuning", "                module.eval()\n", "                pass\n", "batch-norm statistics"),
    ("fine-tuning", "optim.Adam(trainable,", "optim.Adam(model.model.features[-1].parameters(),", "the head to learn"),
    ("progressive-unfreezing", 'history["phase"].append(phase)', 'history["phase"].append(num_layers * 2)', "phase 1"),
    ("progressive-unfreezing", "lr=learning_rate", "lr=1e-2", "learning rate 0"),
    ("progressive-unfreezing", "                    module.eval()\n", "                    pass\n", "statistics"),
    ("extract-features", ".to(device).eval()", ".to(device)", "eval mode"),
    ("extract-features", "torch.inference_mode()", "torch.enable_grad()", "cut off from the graph"),
    ("extract-features", ".float().cpu()", ".double().cpu()", "float32"),
    (
        "linear-probe",
        "make_pipeline(StandardScaler(), LogisticRegression(",
        "make_pipeline(LogisticRegression(",
        "Are the features standardised?",
    ),
    ("linear-probe", "probe.predict(X_test)", "probe[1].predict(StandardScaler().fit_transform(X_test))", "shift"),
    ("linear-probe", 'average="macro"', 'average="weighted"', "macro-F1"),
    ("compare-strategies", "ascending=False", "ascending=True", "the best accuracy first"),
    ("compare-strategies", '"accuracy", asc', '"macro_f1", asc', "the best accuracy first"),
    ("compare-strategies", "ignore_index=True)", 'ignore_index=True).set_index("strategy")', "the columns"),
    ("compare-backbones", "count_parameters(backbone)", "count_parameters(backbones.build(name))", "its linear layer"),
    ("compare-backbones", "linear_probe(train, test)", "linear_probe(train, (test[0], test[1].flip(0)))", "order"),
]


def names_it(capsys, name, cells, passage, said):
    text = outcome(capsys, "part3", name, exchange(cells, task_of(name), passage))
    assert NOT_YET in text
    assert said in text


@pytest.mark.parametrize(("name", "old", "new", "said"), MISTAKES)
def test_a_mistake_is_named(name, old, new, said, capsys):
    names_it(capsys, name, REFERENCE["part3"], (old, new), said)


LOOPS = read_cells(Path(samples.__file__).parent / "part3" / "right" / "plain.py")  # written out, without pipelines


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("feature-extraction", "optimizer.zero_grad()", "pass", "earlier batches' gradients"),
        ("fine-tuning", "optimizer.zero_grad()", "pass", "earlier batches' gradients"),
        (
            "linear-probe",
            "scaler.fit_transform(X_train)",
            "scaler.fit(np.r_[X_train, X_test]).transform(X_train)",
            "far",
        ),
    ],
)
def test_a_mistake_in_a_loop_of_ones_own_is_named(name, old, new, said, capsys):
    assert PASSED in outcome(capsys, "part3", name, LOOPS)
    names_it(capsys, name, LOOPS, (old, new), said)

"""Run Part III on the real data and keep what it shows: `LAB_DATA=folder make figures PART=part3`.

Executes the reference notebook in the `quick` budget and writes its figures to `docs/figures/part3/`, and the page
`docs/part3.md` around them. `--full` runs the `full` budget as well and shows its figures: half an hour on a GPU.

ImageNet's weights are fetched where they are missing. Where there is no network, `--stand-in` takes weights that stand
in for them, and the page says so at its top, in its table and in each figure.
"""

import sys
import time
from typing import Any

import torch

from benchmarks import notebook
from helpers import seed_everything
from helpers.data import load_fashion_mnist, train_and_test
from helpers.loaders import make_loader
from tests.notebooks.kernel import Run
from tests.samples import namespace, read, solution_cells

PART = "part3"
REAL = "make figures PART=part3"
STAND_IN = ".venv/bin/python -m benchmarks.part3 --stand-in"
COLLECT = """
import json
print(json.dumps({
    "device": lab.device_line, "weights": weights.label, "n_train": len(y_train), "n_val": len(y_val),
    "n_test": len(y_test), "size": budget.image_size, "table": final.to_dict(orient="index"), "chosen": chosen,
    "cnn": histories["CNN from scratch"]["val_accuracy"], "costs": costs,
    "backbones": backbone_table.set_index("name").to_dict(orient="index") if "backbone_table" in globals() else {},
}))
"""


def main() -> None:
    """Run the notebook and write the results."""
    stand_in = "--stand-in" in sys.argv
    command = STAND_IN if stand_in else REAL
    notebook.need_data(command)
    budgets = ("quick", "full") if "--full" in sys.argv else ("quick",)
    executed, results = notebook.measure_budgets(budgets, lambda budget: measure(budget, stand_in=stand_in))
    label = results[budgets[-1]]["weights"]
    table = notebook.table("Part III", command, f"the real Fashion-MNIST and {label}", results, _rows(results))
    with notebook.console.status("The network from scratch, on all images: minutes …"):
        table += f"\n\n{from_scratch()}"
    notebook.write_page(PART, executed, _opening(budgets[-1], label, stand_in=stand_in), table)
    notebook.console.print(table)


def measure(budget: str, *, stand_in: bool = False) -> tuple[Run, dict[str, Any]]:
    """Execute the reference notebook on the data in `LAB_DATA`; return the run and its numbers."""
    by_name = {"weights": ("prepare_weights()", 'prepare_weights("stand-in")')} if stand_in else None
    return notebook.measure(PART, budget, COLLECT, by_name)


def from_scratch(epochs: int = 5) -> str:
    """Train the network from scratch on all of the training part, without any transfer, and measure it on the test."""
    names = namespace(PART, {"feature-extraction": solution_cells("source", PART)["feature-extraction"]})
    for cell in read("source", PART).cells:
        if cell.id in ("strategies", "scratch-network"):
            exec(cell.source, names)
    train, test = train_and_test(load_fashion_mnist())
    seed_everything(42)
    model, device = names["simple_cnn"](), torch.device("cpu")
    train_loader = make_loader(train.X, train.y, shuffle=True, device="cpu")
    test_loader = make_loader(test.X, test.y, device="cpu")
    started = time.perf_counter()
    names["train_feature_extractor"](model, train_loader, test_loader, epochs=epochs, device=device)
    seconds = time.perf_counter() - started
    scores = names["scores"](model, test_loader)
    return (
        f"The network from scratch on all {len(train):,} training images, {epochs} epochs: test accuracy "
        f"**{scores['accuracy']:.4f}**, macro-F1 {scores['macro_f1']:.4f}, in {seconds:.0f} seconds on the CPU. "
        "Nothing is chosen by the test images: the epochs were fixed before."
    )


def _opening(budget: str, label: str, *, stand_in: bool) -> str:
    lines = [
        "# Part III, executed",
        "",
        f"The figures of the reference notebook in the budget `{budget}`, with the words that follow them there. This "
        f"page is written by `{STAND_IN if stand_in else REAL}`; edit the notebook instead.",
        "",
    ]
    if stand_in:
        lines += [
            f"**These figures show {label}.** They come from a machine without network. All but the network from "
            "scratch start from random numbers, so nothing here says how well transfer works. On a machine with "
            "network this command makes the same page with ImageNet's weights:",
            "",
            "```bash",
            f"LAB_DATA=folder {REAL}",
            "```",
            "",
        ]
    return "\n".join(lines)


def _rows(results: notebook.Results) -> list[notebook.Row]:
    first = next(iter(results.values()))
    return [
        ("device", lambda r: r["device"]),
        ("weights", lambda r: r["weights"]),
        ("images: training, validation, test", lambda r: f"{r['n_train']:,}, {r['n_val']:,}, {r['n_test']:,}"),
        ("input of the backbone", lambda r: f"{r['size']} × {r['size']}"),
        ("the network from scratch: validation accuracy", lambda r: f"{r['cnn'][-1]:.4f} after {len(r['cnn'])} epochs"),
        *((name, lambda r, name=name: _strategy(r["table"][name])) for name in first["table"]),
        ("chosen on validation accuracy", lambda r: r["chosen"]),
        *((f"seconds: {name}", lambda r, n=place: f"{list(r['costs'].values())[n]:.1f} s")
          for place, name in enumerate(first["costs"])),
        *((f"probe: {name}", lambda r, name=name: _backbone(r["backbones"][name])) for name in first["backbones"]),
    ]  # fmt: skip


def _strategy(row: dict[str, float]) -> str:
    return (
        f"validation {row['val_accuracy']:.4f}, test {row['test_accuracy']:.4f}, macro-F1 {row['test_macro_f1']:.4f}, "
        f"{row['trainable_parameters']:,.0f} trainable, {row['seconds']:.0f} s"
    )


def _backbone(row: dict[str, float]) -> str:
    return f"{row['accuracy']:.4f}, {row['parameters']:,.0f} parameters, {row['seconds']:.1f} s"


if __name__ == "__main__":
    main()

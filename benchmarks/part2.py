"""Run Part II on the real data and keep what it shows: `LAB_DATA=folder make figures PART=part2`.

Executes the reference notebook in the `quick` budget and writes its figures to `docs/figures/part2/`, and the page
`docs/part2.md` around them. With `--full` it runs the `full` budget as well and shows its figures: a matter of minutes
on a GPU, and of an hour or two without.
"""

import sys
from typing import Any

from benchmarks import notebook, published
from tests.notebooks.kernel import Run

PART = "part2"
COLLECT = """
import json
print(json.dumps({
    "device": lab.device_line, "n_train": len(y_train), "n_test": len(y_test),
    "epochs": budget.epochs, "seconds": train_seconds, "val": history["val_accuracy"][-1],
    "one_rate": {name: values[-1] for name, values in one_rate.items()},
    "own_rates": {name: values[-1] for name, values in own_rates.items()},
    "scheduled_epochs": budget.schedule_epochs, "scheduled": scheduled["val_accuracy"][-1], "lr": scheduled["lr"],
    "val_loss": scheduled["val_loss"],
    "n_scarce": n_scarce, "stopped": len(stopped["val_loss"]), "best": best + 1,
    "scarce": {name: max(run["val_accuracy"][-5:]) for name, run in runs.items()},
    "digits": on_digits["accuracy"], "garments": on_garments["accuracy"],
    "confidence": {name: mean_confidence(embedding_mlp, loader)
                   for name, loader in {"digits": val_loader, "garments": garment_loader}.items()},
    "table": comparison.to_dict(orient="index"),
}))
"""


def main() -> None:
    """Run the notebook and write the results."""
    notebook.need_data("make figures PART=part2")
    budgets = ("quick", "full") if "--full" in sys.argv else ("quick",)
    executed, results = notebook.measure_budgets(budgets, measure)
    with notebook.console.status("Beside a published run: minutes …"):
        table = f"{_table(results)}\n\n## Beside a published run\n\n{published.compare()}"
    notebook.write_page(PART, executed, _opening(budgets[-1]), table)
    notebook.console.print(table)


def measure(budget: str) -> tuple[Run, dict[str, Any]]:
    """Execute the reference notebook on the data in `LAB_DATA`; return the run and its numbers."""
    return notebook.measure(PART, budget, COLLECT)


def _opening(budget: str) -> str:
    return (
        f"# Part II, executed\n\nThe figures of the reference notebook in the budget `{budget}`, with the words that "
        "follow them there. This page is written by `make figures PART=part2`; edit the notebook instead.\n"
    )


def _table(results: notebook.Results) -> str:
    """Lay the numbers out as Markdown, a column a budget."""
    rows = [
        ("device", lambda r: r["device"]),
        ("training images", lambda r: f"{r['n_train']:,}"),
        ("SimpleCNN: epochs, seconds", lambda r: f"{r['epochs']}, {r['seconds']:.0f} s"),
        ("SimpleCNN: validation accuracy", lambda r: f"{r['val']:.4f}"),
        *((f"{name} at 0.001", lambda r, name=name: f"{r['one_rate'][name]:.3f}") for name in _first(results)),
        *((f"{name} at its own rate", lambda r, name=name: f"{r['own_rates'][name]:.3f}") for name in _first(results)),
        ("with a falling rate: epochs", lambda r: f"{r['scheduled_epochs']}, ending at {r['lr'][-1]:g}"),
        ("with a falling rate: validation accuracy", lambda r: f"{r['scheduled']:.4f}"),
        ("early stopping: images, stopped, best epoch", lambda r: f"{r['n_scarce']:,}, {r['stopped']}, {r['best']}"),
        ("few images: as they are, augmented", lambda r: ", ".join(f"{v:.3f}" for v in r["scarce"].values())),
        ("EmbeddingMLP: digits, garments", lambda r: f"{r['digits']:.4f}, {r['garments']:.4f}"),
        ("its confidence: digits, garments", lambda r: ", ".join(f"{v:.2f}" for v in r["confidence"].values())),
        *((f"test: {name}", lambda r, name=name: _model(r["table"][name])) for name in _models(results)),
    ]
    return notebook.table("Part II", "make figures PART=part2", "the real data", results, rows)


def _first(results: notebook.Results) -> list[str]:
    return list(next(iter(results.values()))["one_rate"])


def _models(results: notebook.Results) -> list[str]:
    return list(next(iter(results.values()))["table"])


def _model(row: dict[str, float]) -> str:
    return f"{row['test_accuracy']:.4f}, {row['parameters']:,.0f} numbers, {row['inference_seconds']:.3f} s"


if __name__ == "__main__":
    main()

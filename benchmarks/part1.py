"""Run Part I on the real MNIST and keep what it shows: `LAB_DATA=folder make figures`.

Executes the reference notebook in the `quick` and in the `full` budget, writes the figures of the full run to
`docs/figures/part1/`, the page `docs/part1.md` around them, and the table of numbers into that page and the README.
"""

from typing import Any

from benchmarks import notebook
from benchmarks.pages import put_between
from grading.release import ROOT
from tests.notebooks.kernel import Run

PART = "part1"
OPENING = (
    "# Part I, executed\n\nThe figures of the reference notebook on the whole of MNIST, with the words that follow "
    "them there. This page is written by `make figures`; edit the notebook instead.\n"
)
COLLECT = """
import json
print(json.dumps({
    "mlp_seconds": train_seconds, "mlp_val": val_accuracies[-1], "epochs": len(val_accuracies),
    "search_seconds": search_seconds, "best": search.best_params_, "search_images": n_search,
    "svm_seconds": fit_seconds, "svm_val": float(svm_val_accuracy), "n_train": len(X_train),
    "support_vectors": int(len(svm.support_)), "final": rows, "never_full": never_full,
}))
"""


def main() -> None:
    """Run both budgets and write the results."""
    notebook.need_data("make figures")
    executed, results = notebook.measure_budgets(("quick", "full"), measure)
    table = _table(results)
    notebook.write_page(PART, executed, OPENING, table)
    put_between(ROOT / "README.md", table, "make figures")
    notebook.console.print(table)


def measure(budget: str) -> tuple[Run, dict[str, Any]]:
    """Execute the reference notebook on the data in `LAB_DATA`; return the run and its numbers."""
    return notebook.measure(PART, budget, COLLECT)


def _table(results: notebook.Results) -> str:
    """Lay the numbers out as Markdown, a column a budget."""
    network, svm = "your network", "SVM"
    rows = [
        ("training images", lambda r: f"{r['n_train']:,}"),
        ("the network: epochs, seconds", lambda r: f"{r['epochs']}, {r['mlp_seconds']:.1f} s"),
        ("the network: validation accuracy", lambda r: f"{r['mlp_val']:.4f}"),
        ("the network: test accuracy", lambda r: f"{r['final'][network]['test_accuracy']:.4f}"),
        ("grid search: images, seconds", lambda r: f"{r['search_images']:,}, {r['search_seconds']:.0f} s"),
        ("grid search: best point", lambda r: f"C={r['best']['C']:g}, gamma={r['best']['gamma']}"),
        ("the SVM: seconds to fit", lambda r: f"{r['svm_seconds']:.0f} s"),
        ("the SVM: support vectors", lambda r: f"{r['support_vectors']:,}"),
        ("the SVM: validation accuracy", lambda r: f"{r['svm_val']:.4f}"),
        ("the SVM: test accuracy", lambda r: f"{r['final'][svm]['test_accuracy']:.4f}"),
        ("prediction per 1,000 images: network, SVM", lambda r: _both(r, "ms_per_1000_images", "ms")),
        ("what a model keeps: network, SVM", lambda r: _both(r, "model_megabytes", "MB")),
    ]
    return notebook.table("Part I", "make figures", "the real MNIST", results, rows)


def _both(result: dict[str, Any], key: str, unit: str) -> str:
    return ", ".join(f"{result['final'][name][key]:,.1f} {unit}" for name in ("your network", "SVM"))


if __name__ == "__main__":
    main()

"""What a kernel costs: stock, a bare fork of the warm process, and a fork in the sandbox; `make bench-kernels`.

One notebook of imports and trivial cells is run by nbclient through each kind of kernel in turn, so that a machine
whose speed drifts treats all alike. CPU seconds are those of every process that takes part: the client, the kernel
with its supervisor, and what forking costs the warm process.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import nbformat
import psutil
import typer
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from rich.console import Console
from rich.progress import track
from traitlets.config import Config

from benchmarks.pages import machine, put_between
from grading.release import ROOT
from grading.sandbox.launch import PRELOAD, close_all, shared_zygote
from grading.sandbox.manager import SandboxKernelManager

CELLS = (
    "import matplotlib.pyplot, pandas, seaborn, sklearn, torch, torchvision",
    "x = 1 + 1",
    "print(x)",
    "x",
)
LEAST_RATIO = 20
MOST_SECONDS = 0.030


@dataclass(frozen=True)
class Cost:
    """Seconds of one run of the notebook."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Kind:
    """A kind of kernel. `sandbox` is that of `SandboxProvisioner`, and empty for a stock kernel."""

    name: str
    sandbox: str = ""
    shutdown: str = "immediate"

    def run(self) -> Cost:
        """Run the notebook once, from the start of the kernel to its end."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
        warm = shared_zygote(PRELOAD, sandbox=self.sandbox == "full") if self.sandbox else None
        cpu = _client_cpu() + (_cpu_of(warm.process_id) if warm else 0)
        started = time.perf_counter()
        manager = SandboxKernelManager if self.sandbox else AsyncKernelManager
        settings = Config({"SandboxProvisioner": {"sandbox": self.sandbox}}) if self.sandbox else Config()
        client = NotebookClient(
            notebook, kernel_manager_class=manager, config=settings, timeout=120, shutdown_kernel=self.shutdown
        )
        with client.setup_kernel():
            provisioner = client.km.provisioner
            for place, cell in enumerate(notebook.cells):
                client.execute_cell(cell, place)
        wall = time.perf_counter() - started
        kernel = provisioner.ended.cpu_seconds if self.sandbox else 0
        return Cost(_client_cpu() + (_cpu_of(warm.process_id) if warm else 0) + kernel - cpu, wall)


KINDS = (
    Kind("stock", shutdown="graceful"),
    Kind("stock, ended at once"),
    Kind("fork without walls", "none"),
    Kind("fork in the sandbox", "full"),
)


def _client_cpu() -> float:
    """Return the CPU seconds of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _cpu_of(process_id: int) -> float:
    """Return the CPU seconds of a warm process, or of bubblewrap and the warm process in it."""
    first = psutil.Process(process_id)
    return sum(sum(process.cpu_times()[:2]) for process in [first, *first.children(recursive=True)])


def measure(rounds: int, progress: Callable[[range], object] = lambda rounds: rounds) -> dict[str, list[Cost]]:
    """Run each kind of kernel once a round, after one round that does not count."""
    for kind in KINDS:
        kind.run()
    costs: dict[str, list[Cost]] = {kind.name: [] for kind in KINDS}
    for _ in progress(range(rounds)):
        for kind in KINDS:
            costs[kind.name].append(kind.run())
    close_all()
    return costs


def figures(costs: dict[str, list[Cost]]) -> tuple[float, float]:
    """Return how many times less CPU a kernel in the sandbox takes than a stock one, and the walls' wall seconds.

    The first is a ratio of medians, the second the median of the differences within each round.
    """
    stock, bare, held = (costs[name] for name in ("stock", "fork without walls", "fork in the sandbox"))
    ratio = statistics.median(cost.cpu for cost in stock) / statistics.median(cost.cpu for cost in held)
    walls = statistics.median(one.wall - other.wall for one, other in zip(held, bare, strict=True))
    return ratio, walls


def table(costs: dict[str, list[Cost]]) -> str:
    """Return what was measured, as Markdown."""
    stock = statistics.median(cost.cpu for cost in costs["stock"])
    lines = [
        f"Measured by `make bench-kernels` on {machine()}: medians of {len(costs['stock'])} runs, in turn, of a "
        "notebook that imports matplotlib, pandas, seaborn, scikit-learn, torch and torchvision and does little else.",
        "",
        "| kernel | CPU seconds | wall seconds | CPU, stock = 1 |",
        "|---|---|---|---|",
    ]
    for name, found in costs.items():
        cpu, wall = (statistics.median(getattr(cost, what) for cost in found) for what in ("cpu", "wall"))
        lines.append(f"| {name} | {cpu:.2f} | {wall:.2f} | {'1' if name == 'stock' else f'1/{stock / cpu:.0f}'} |")
    _, walls = figures(costs)
    lines += ["", f"The walls add {1000 * walls:.0f} ms to a bare fork."]
    return "\n".join(lines)


def main(rounds: int = 15, write: bool = False) -> None:
    """Print what each kind of kernel costs and whether that is within the bounds; `--write` puts it into the docs."""
    console = Console()
    costs = measure(rounds, lambda numbers: track(numbers, "measuring", console=console))
    text = table(costs)
    console.print(text, highlight=False)
    if write:
        put_between(ROOT / "docs" / "sandbox.md", text, "make bench-kernels")
    ratio, walls = figures(costs)
    console.print(f"CPU: {ratio:.1f} times less than stock (at least {LEAST_RATIO}).", highlight=False)
    console.print(f"Walls: {1000 * walls:.0f} ms (at most {1000 * MOST_SECONDS:.0f}).", highlight=False)
    raise typer.Exit(ratio < LEAST_RATIO or walls > MOST_SECONDS)


if __name__ == "__main__":
    typer.run(main)

"""Whatever starts kernels can start them in the sandbox, and is told clearly where it can't."""

import asyncio
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import psutil
import pytest
from jupyter_client.kernelspec import KernelSpec
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

import grading
from grading.sandbox.errors import SandboxError
from grading.sandbox.launch import close_all
from grading.sandbox.manager import SandboxKernelManager
from grading.sandbox.provisioner import SandboxProvisioner
from tests.grading.sandbox.forks import LIGHT
from tests.sandboxes import USERS, Grader, environment
from tests.tools import eventually

PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    running = Grader(USERS[-1])
    yield running
    running.close()


@pytest.fixture(scope="module", autouse=True)
def no_zygote_is_left() -> Iterator[None]:
    yield
    close_all()


# --- Settings ---------------------------------------------------------------------------------------------------------
def test_limits_and_variables_of_the_configuration_reach_the_kernel(grader: Grader) -> None:
    result = grader.run(
        "import os, resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), os.environ['SECRET_OF_THE_GRADER'])",
        preload=LIGHT,
        limits={"open_files": 300},
        pass_variables=["SECRET_OF_THE_GRADER"],
    )
    assert result.text(0) == "(300, 300) the instructor's token\n"


def test_a_setting_of_one_notebook_is_not_there_for_the_next(grader: Grader) -> None:
    result = grader.run("import os; print('SECRET_OF_THE_GRADER' in os.environ)", preload=LIGHT)
    assert result.text(0) == "False\n"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"limits": {"cpu_seconds": 3}}, ["cpu_seconds", "cell_cpu_seconds"]),
        ({"limits": {"cell_cpu_seconds": 0}}, ["cell_cpu_seconds", "whole number"]),
        ({"sandbox": "partly"}, ["sandbox", "partly", "full", "none"]),
        ({"start": "hot"}, ["start", "hot", "warm", "cold"]),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(grader: Grader, settings: dict[str, Any], words: list[str]) -> None:
    result = grader.run("1", **settings)
    assert result.text(0) == ""
    assert [word for word in words if word not in result.died] == []


@pytest.mark.parametrize("start", ["warm", "cold"])
def test_what_is_imported_at_the_start_is_what_the_configuration_says(grader: Grader, start: str) -> None:
    result = grader.run(
        "import sys; 'xml.dom.minidom' in sys.modules", preload=[*LIGHT, "xml.dom.minidom"], start=start
    )
    assert result.text(0) == str(start == "warm")


@pytest.mark.parametrize("value", ["partly", "", "None"])
def test_a_wrong_value_in_the_environment_is_an_error_and_never_no_sandbox(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GRADING_SANDBOX", value)
    with pytest.raises(Exception, match="sandbox") as caught:
        _with_kernel(lambda manager, run: run("1"))
    assert "full" in str(caught.value) and "none" in str(caught.value)


@pytest.mark.parametrize(
    ("program", "language"),
    [
        ("/usr/bin/julia", "julia"),
        ("/opt/other/bin/python3", "python"),
        (str(PROGRAMS / "python2.7"), "python"),
        (str(PROGRAMS / "jupyter"), "python"),
    ],
)
def test_another_kernel_is_refused_and_both_programs_are_named(program: str, language: str) -> None:
    specification = KernelSpec(argv=[program, "-f", "{connection_file}"], language=language, display_name="Another")
    provisioner = SandboxProvisioner(kernel_id="x", kernel_spec=specification)
    with pytest.raises(SandboxError) as caught:
        asyncio.run(provisioner.pre_launch())
    assert "Another" in str(caught.value)
    assert program in str(caught.value)
    assert sys.executable in str(caught.value)


@pytest.mark.parametrize("name", ["python", "python3", Path(sys.executable).name])
def test_every_name_of_this_interpreter_is_taken_for_it(name: str) -> None:
    for program in (name, str(PROGRAMS / name)):
        specification = KernelSpec(argv=[program, "-m", "ipykernel_launcher"], language="python")
        SandboxProvisioner(kernel_id="x", kernel_spec=specification)._check_kernel_spec()


# --- The life of a kernel ---------------------------------------------------------------------------------------------
Run = Callable[[str], Awaitable[str]]


def _with_kernel(work: Callable[[SandboxKernelManager, Run], Awaitable[Any]], **traits: Any) -> Any:
    """Start a kernel and do something with it, as a front end does that keeps it."""

    async def whole() -> Any:
        manager = SandboxKernelManager(config=Config({"SandboxProvisioner": {"preload": list(LIGHT)}}), **traits)
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()

        async def run(code: str) -> str:
            found: list[str] = []

            def hear(message: dict[str, Any]) -> None:
                content = message["content"]
                found.append(
                    content.get("text") or content.get("ename") or content.get("data", {}).get("text/plain", "")
                )

            await client.execute_interactive(code, allow_stdin=False, timeout=60, output_hook=hear)
            return "".join(found)

        try:
            await client.wait_for_ready(timeout=60)
            return await work(manager, run)
        finally:
            client.stop_channels()
            if await manager.is_alive():
                await manager.shutdown_kernel()

    return asyncio.run(whole())


def test_a_kernel_that_is_restarted_has_forgotten_everything_and_works() -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> list[str]:
        first = await run("x = 1; open('left', 'w').close(); print(x)")
        await manager.restart_kernel(now=True)
        assert await manager.is_alive()
        await asyncio.sleep(0.5)
        return [first, await run("import os; print('x' in globals(), os.listdir())")]

    assert _with_kernel(work) == ["1\n", "False []\n"]


def test_a_client_is_ready_once_it_is_answered_and_nothing_of_that_is_left_to_hear() -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> None:
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            with pytest.raises(Empty):
                await client.iopub_channel.get_msg(timeout=0.5)
        finally:
            client.stop_channels()

    _with_kernel(work)


def test_nobody_waits_for_an_answer_of_a_dead_kernel() -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> None:
        client = manager.client()
        client.start_channels()
        await manager.provisioner.kill()  # type: ignore[union-attr]
        try:
            with pytest.raises(RuntimeError, match="died"):
                await client.wait_for_ready(timeout=60)
        finally:
            client.stop_channels()

    _with_kernel(work)


def test_an_interrupted_cell_ends_and_the_next_one_runs() -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> list[str]:
        cell = asyncio.ensure_future(run("import time\nprint('on')\ntime.sleep(600)"))
        await asyncio.sleep(0.5)
        await manager.interrupt_kernel()
        return [await cell, await run("print('next')")]

    assert _with_kernel(work) == ["on\nKeyboardInterrupt", "next\n"]


def test_a_kernel_that_would_not_end_is_ended_without_waiting_for_it() -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> tuple[float, bool]:
        await run("import atexit, time; atexit.register(time.sleep, 600)")
        busy = asyncio.ensure_future(run("while True: pass"))
        await asyncio.sleep(0.3)
        before = time.monotonic()
        await manager.shutdown_kernel()
        busy.cancel()
        return time.monotonic() - before, await manager.is_alive()

    seconds, alive = _with_kernel(work)
    assert not alive
    assert seconds < SandboxKernelManager().shutdown_wait_time / 2  # what a stock manager waits for a farewell


def test_a_kernel_leaves_no_file_no_descriptor_and_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> str:
        return await run(
            "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True); print('there')"
        )

    assert _with_kernel(work) == "there\n"
    me, folder = psutil.Process(), Path(tempfile.mkdtemp(prefix="t-"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def there() -> tuple[list[Path], int, int]:
        eventually(lambda: not any("sleep" in process.name() for process in me.children(recursive=True)))
        return list(folder.iterdir()), me.num_fds(), len(me.children(recursive=True))

    before = there()
    for _ in range(3):
        assert _with_kernel(work) == "there\n"
    assert there() == before
    folder.rmdir()


@pytest.mark.parametrize("wrong", ["a limit", "the folder"])
def test_a_kernel_that_cannot_start_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    (tmp_path / "gradebook.db").touch()
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    settings: dict[str, Any] = {"preload": list(LIGHT)} | ({"limits": {"none": 1}} if wrong == "a limit" else {})
    manager = SandboxKernelManager(config=Config({"SandboxProvisioner": settings}))
    with pytest.raises((SandboxError, ValueError)):
        asyncio.run(manager.start_kernel(cwd=str(tmp_path)))
    assert list(temporary.glob("sandbox-*")) == []


def test_settings_of_the_transport_do_not_matter() -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> str:
        return await run("print('as ever')")

    for traits in ({"transport": "tcp", "ip": "0.0.0.0"}, {"transport_encryption": "auto"}, {"ip": "elsewhere"}):
        assert _with_kernel(work, **traits) == "as ever\n"


def test_how_a_kernel_ended_is_known_afterwards() -> None:
    async def work(manager: SandboxKernelManager, run: Run) -> Any:
        provisioner: Any = manager.provisioner
        asyncio.ensure_future(run("import os; os._exit(7)"))  # noqa: RUF006
        while await manager.is_alive():
            await asyncio.sleep(0.05)
        return provisioner.ended.status, provisioner.lost

    assert _with_kernel(work) == (7, False)


# --- Front ends -------------------------------------------------------------------------------------------------------
CELLS = ("import os; print(os.getcwd())", "print(open('data.csv').read())", "6 * 7")


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """A folder with a notebook and its data."""
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "data.csv").write_text("1,2")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS], metadata=kernel)
    nbformat.write(notebook, folder / "in.ipynb")
    return folder


def _outputs(path: Path) -> list[str]:
    cells = nbformat.read(path, 4).cells
    return [
        "".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs) for cell in cells
    ]


def _call(*words: str | Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment() | variables, capture_output=True, text=True)


def test_papermill_runs_a_notebook_in_the_sandbox(submission: Path, tmp_path: Path) -> None:
    """Which names no folder for the kernel, so that a variable has to."""
    out = tmp_path / "out.ipynb"
    words = ("papermill", submission / "in.ipynb", out, "-k", "python3", "--cwd", submission)
    done = _call(*words, folder=tmp_path, GRADING_FOLDER=str(submission))
    assert _outputs(out)[0] == "/student/home/work\n"
    assert done.returncode == 0, done.stderr
    assert _outputs(out) == ["/student/home/work\n", "1,2\n", "42"]


def test_jupyter_runs_a_notebook_in_the_sandbox(submission: Path) -> None:
    done = _call("jupyter", "execute", "--inplace", "in.ipynb", folder=submission)
    assert done.returncode == 0, done.stderr
    assert _outputs(submission / "in.ipynb") == ["/student/home/work\n", "1,2\n", "42"]
    assert {path.name for path in submission.iterdir()} == {"in.ipynb", "data.csv"}


def test_without_a_sandbox_a_notebook_runs_in_its_own_folder_with_the_graders_rights(submission: Path) -> None:
    done = _call("jupyter", "execute", "--inplace", "in.ipynb", folder=submission, GRADING_SANDBOX="none")
    assert done.returncode == 0, done.stderr
    assert _outputs(submission / "in.ipynb") == [f"{submission}\n", "1,2\n", "42"]


NEEDED = ("ipykernel", "msgpack", "nbclient", "numpy", "psutil", "pyseccomp")
RUN = """
import sys, nbformat, nbclient
from traitlets.config import Config
from grading.sandbox.manager import SandboxKernelManager
cell = nbformat.v4.new_code_cell("import sys, os; print(sys.prefix, os.listdir())")
config = Config({"SandboxProvisioner": {"preload": ["IPython", "ipykernel.kernelapp"]}})
notebook = nbformat.v4.new_notebook(cells=[cell])
nbclient.NotebookClient(notebook, kernel_manager_class=SandboxKernelManager, config=config).execute()
print(cell.outputs[0].text)
"""


def _install_what_is_needed(folder: Path) -> None:
    """Put there what a kernel needs, and our own package, from where they are installed."""
    todo, done = list(NEEDED), set()
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # of another system
            continue
        if name not in done:
            done.add(name)
            todo += [re.split(r"[^\w.-]", need)[0] for need in found.requires or () if "extra ==" not in need]
            _copy(found, folder)
    _copy(importlib.metadata.distribution("digits-and-garments"), folder)
    shutil.copytree(grading.__path__[0], folder / "grading", ignore=shutil.ignore_patterns("__pycache__"))


def _copy(found: importlib.metadata.Distribution, folder: Path) -> None:
    for file in found.files or ():
        if ".." not in file.parts and "__editable__" not in str(file) and file.suffix != ".pyc":
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(str(file.locate()), folder / file)
            except OSError:  # another file system
                shutil.copy(str(file.locate()), folder / file)


def test_an_interpreter_below_the_temporary_files_works_too(submission: Path) -> None:
    """Where a kernel has temporary files of its own."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        place = Path(folder, "deep", "own")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        Path(folder).chmod(0o755)
        (packages,) = place.glob("lib/python*/site-packages")
        _install_what_is_needed(packages)
        words = [place / "bin" / "python", "-c", RUN]
        done = subprocess.run(words, capture_output=True, text=True, cwd=submission)
        assert done.stdout.split() == [str(place), "[]"], done.stderr

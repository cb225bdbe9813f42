"""The examiner: a process of its own whose failures are never a verdict, and that leaves nothing behind."""

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from serving import listening

from grading.examiner import NOBODY, Examiner, ExaminerLostError
from tests.tools import eventually

EXAMS = "toy_exams"
NAMES = {"double": lambda x: 2 * x, "add": lambda x, y: x + y}


@pytest.fixture
def examiner() -> Iterator[Examiner]:
    examiner = Examiner(EXAMS)
    yield examiner
    examiner.close()


def test_an_examiner_judges_one_exam_after_another(examiner: Examiner, tmp_path: Path) -> None:
    with listening(tmp_path / "s", NAMES, exams=3) as address:
        assert examiner.judge("play-double", 1, address).score == 2
        assert examiner.judge("play-add", 1, address).score == 3
        verdict = examiner.judge("play-add", 2, address)
    assert (verdict.score, verdict.points, verdict.seed, len(verdict.reasons)) == (3, 3, 2, 2)


def test_where_nobody_answers_the_points_are_lost_with_a_reason(examiner: Examiner, tmp_path: Path) -> None:
    verdict = examiner.judge("play-add", 1, str(tmp_path / "nowhere"))
    (reason,) = verdict.reasons
    assert (verdict.score, reason.points, reason.expected, reason.kind) == (0, 3, NOBODY, "error")
    assert "not there for exams" in reason.came


def test_a_mistake_of_the_author_s_is_no_verdict_and_names_the_exam(examiner: Examiner, tmp_path: Path) -> None:
    with listening(tmp_path / "s", NAMES) as address, pytest.raises(ExaminerLostError) as caught:
        examiner.judge("play-broken", 1, address)
    assert "play-broken" in str(caught.value)
    assert "3 of 4 points" in str(caught.value)


def test_an_exam_that_does_not_exist_is_named_with_those_that_do(examiner: Examiner) -> None:
    with pytest.raises(ExaminerLostError, match=r"play-nothing.*play-add"):
        examiner.judge("play-nothing", 1, "nowhere")


def test_an_examiner_that_ends_itself_is_lost(examiner: Examiner, tmp_path: Path) -> None:
    with listening(tmp_path / "s", NAMES) as address, pytest.raises(ExaminerLostError, match="ended during play-fatal"):
        examiner.judge("play-fatal", 1, address)


def test_an_examiner_that_is_killed_is_lost_at_once_and_for_good(examiner: Examiner, tmp_path: Path) -> None:
    with listening(tmp_path / "s", {"double": lambda x: time.sleep(1000)}) as address:
        threading.Timer(1, lambda: os.kill(examiner.process_id, 9)).start()
        started = time.monotonic()
        with pytest.raises(ExaminerLostError, match="play-double"):
            examiner.judge("play-double", 1, address)
        assert time.monotonic() - started < 10
        with pytest.raises(ExaminerLostError):
            examiner.judge("play-double", 1, address)


def test_memory_beyond_the_limit_costs_the_exam_and_not_the_machine(examiner: Examiner, tmp_path: Path) -> None:
    with listening(tmp_path / "s", NAMES, exams=2) as address:
        verdict = examiner.judge("play-greedy", 1, address)
        assert verdict.score == 0
        assert "MemoryError" in verdict.reasons[0].detail
        assert examiner.judge("play-double", 1, address).score == 2


def test_nothing_of_an_examiner_is_left_behind() -> None:
    examiner = Examiner(EXAMS)
    process = psutil.Process(examiner.process_id)
    assert process.is_running()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    examiner.close()
    gc.collect()
    assert not psutil.pid_exists(process.pid) or not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert len(os.listdir("/proc/self/fd")) < before  # noqa: PTH208


def start_one() -> None:
    Examiner(EXAMS).close()


def test_a_process_that_is_a_daemon_can_have_one() -> None:
    worker = multiprocessing.get_context("spawn").Process(target=start_one, daemon=True)
    worker.start()
    worker.join(120)
    assert worker.exitcode == 0


POISON = """
import os
open("{mark}", "a").write(__name__ + " ")
"""
JUDGE = """
import sys
sys.path.append({tests!r})
from pathlib import Path
from serving import listening
from grading.examiner import Examiner
if __name__ == "__main__":
    with listening(Path("s"), {{"double": lambda x: 2 * x}}, exams=2) as address:
        examiner = Examiner("toy_exams")
        print(examiner.judge("play-imports", 1, address).score, examiner.judge("play-double", 1, address).score)
        examiner.close()
"""


def test_judging_without_end_costs_the_rest_of_that_exam(tmp_path: Path) -> None:
    examiner = Examiner("toy_exams", cpu_seconds=1)
    with listening(tmp_path / "s", {"double": lambda x: 2 * x}, exams=2) as address:
        verdict = examiner.judge("play-endless", 1, address)
        assert verdict.score == 1
        assert "took more than 1 seconds" in verdict.reasons[-1].came
        assert examiner.judge("play-double", 1, address).score == 2
    examiner.close()


def test_an_examiner_does_not_import_what_was_started(tmp_path: Path) -> None:
    """That would be the engine with all that it imports, anew for each submission: seconds."""
    script = tmp_path / "started.py"
    script.write_text("print('imported')\n" + JUDGE.format(tests=str(Path(__file__).parent)))
    run = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.stdout, run.returncode) == ("imported\n1.0 2.0\n", 0), run.stderr


def test_an_examiner_imports_nothing_from_the_working_folder(tmp_path: Path) -> None:
    mark = tmp_path / "imported"
    for name in ("torch", "sklearn", "pandas", "lies_in_the_working_folder", "sitecustomize_of_nobody"):
        (tmp_path / f"{name}.py").write_text(POISON.format(mark=mark))
    script = JUDGE.format(tests=str(Path(__file__).parent))
    # As `python -c` has it: the working folder comes first on the path of whoever starts the examiner.
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.stdout == "1.0 2.0\n", run.stderr
    assert not mark.exists(), mark.read_text()


def test_examiners_end_with_the_engine_that_was_killed(tmp_path: Path) -> None:
    script = JUDGE.format(tests=str(Path(__file__).parent)).replace("examiner.close()", "")
    script += "        import os; print(examiner.process_id, flush=True); os.kill(os.getpid(), 9)\n"
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True, timeout=120)
    number = int(run.stdout.split()[-1])
    assert eventually(lambda: not psutil.pid_exists(number))


def test_an_examiner_computes_on_one_thread(examiner: Examiner) -> None:
    surroundings = psutil.Process(examiner.process_id).environ()
    assert {surroundings["OMP_NUM_THREADS"], surroundings["OPENBLAS_NUM_THREADS"]} == {"1"}
    assert os.environ.get("PYTHONSAFEPATH") is None, "the engine's own surroundings are as before"

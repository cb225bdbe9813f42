"""The journal keeps what was done: whole or not at all, whatever students are called and whoever ends the run."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grading.engine.job import Outcome
from grading.engine.journal import BusyError, Journal
from grading.exam import Reason, Verdict
from grading.release import ROOT, environment

VERDICT = Verdict("test-x", 4.0, 1.5, (Reason("an idea", 4.0, False, "a", "b", "c", "fail", "d"),), 7, 0.25)
OUTCOME = Outcome(
    "ada", "key", "graded", verdicts=(VERDICT,), failures={"test-y": "lost"}, notices=("One.",), suspicions=("Two.",),
    notebook="{}", ended="memory", cpu_seconds=1.5, wall_seconds=2.5,
)  # fmt: skip
NAMES = [
    "..", ".hidden", "with space", "Ünïcödé 学生", "a%2Fb%", "a.b.json", "x" * 255, "ä" * 127, "-rf", "*", "tmp1234",
    "a\nb", "'\"`$(x)", os.fsdecode(b"\xdcbung"), "x.unfinished", "seed", "result", "lock",
]  # fmt: skip


def named(student: str, key: str = "key") -> Outcome:
    return dataclasses.replace(OUTCOME, student=student, key=key)


def test_an_outcome_comes_back_as_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "part1")
    assert journal.last("ada") == (None, False)
    journal.put(OUTCOME, recorded=False)
    assert journal.last("ada") == (OUTCOME, False)
    journal.put(OUTCOME, recorded=True)
    assert Journal(tmp_path, "part1").find("ada", "key") == (OUTCOME, True)
    assert journal.find("ada", "another key") == (None, False)
    assert Journal(tmp_path, "part2").outcomes() == {}


def test_students_may_be_called_anything_that_a_folder_can_be_called(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "part1")
    for name in NAMES:
        journal.put(named(name, f"key of {name!r}"), recorded=True)
    for name in NAMES:
        assert journal.find(name, f"key of {name!r}")[1]
    assert set(journal.outcomes()) == set(NAMES)
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert len(files) == len(NAMES)
    assert {path.parent for path in files} == {journal.folder / "students"}


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=100))
@settings(max_examples=100, deadline=None)
def test_any_name_is_kept(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    journal = Journal(tmp_path_factory.getbasetemp() / "any-name", "part1")
    journal.put(named(name), recorded=True)
    assert journal.last(name)[0] == named(name)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "5", '{"outcome": []}', '{"outcome": {}, "recorded": true}', "\xff", "\0" * 100,
     '{"recorded": true}', '{"outcome": {"student": "ada", "key": "key"}, "recorded": true}'],
)  # fmt: skip
def test_what_can_not_be_read_is_as_good_as_nothing(tmp_path: Path, text: str) -> None:
    journal = Journal(tmp_path, "part1")
    journal.put(OUTCOME, recorded=True)
    (path,) = journal.folder.glob("students/*.json")
    path.write_bytes(text.encode("latin-1"))
    assert journal.last("ada") == (None, False)
    assert journal.outcomes() == {}
    journal.put(OUTCOME, recorded=True)
    assert journal.last("ada") == (OUTCOME, True)


@pytest.mark.parametrize("change", [{"a new field": 1}, {"verdicts": [{"exam_id": "old"}]}, {"notices": None}])
def test_an_outcome_of_another_version_is_as_good_as_nothing(tmp_path: Path, change: dict) -> None:
    journal = Journal(tmp_path, "part1")
    journal.put(OUTCOME, recorded=True)
    (path,) = journal.folder.glob("students/*.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**data, "outcome": {**data["outcome"], **change}}), encoding="utf-8")
    assert journal.last("ada") == (None, False)


def test_lone_surrogates_and_numbers_that_are_none_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "part1")
    odd = dataclasses.replace(OUTCOME, notebook="\ud800", cpu_seconds=float("inf"))
    journal.put(odd, recorded=True)
    assert journal.last("ada") == (odd, True)


def test_the_seed_is_drawn_once(tmp_path: Path) -> None:
    seed = Journal(tmp_path, "part1").seed()
    assert 0 <= seed < 2**32
    assert Journal(tmp_path, "part1").seed() == seed
    assert {Journal(tmp_path / str(number), "part1").seed() for number in range(5)} != {seed}


def test_a_seed_that_can_not_be_read_is_drawn_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "part1")
    journal.seed()
    (journal.folder / "seed").write_text("", encoding="ascii")
    assert journal.seed() == Journal(tmp_path, "part1").seed()


def test_a_second_run_is_told_which_process_is_at_work(tmp_path: Path) -> None:
    with Journal(tmp_path, "part1").held():
        with pytest.raises(BusyError, match=rf"process {os.getpid()} is grading part1 already"), second(tmp_path):
            pass
        with Journal(tmp_path, "part2").held():
            pass
    with second(tmp_path):
        pass


def second(root: Path):
    return Journal(root, "part1").held()


def script(code: str, root: Path) -> subprocess.Popen[str]:
    """Run some lines in a process of their own, which knows `journal` and `outcome`."""
    lines = [
        "import sys, time, dataclasses",
        "from pathlib import Path",
        "from grading.engine.journal import Journal",
        "from tests.grading.engine.test_journal import OUTCOME",
        "journal = Journal(Path(sys.argv[1]), 'part1')",
        code,
    ]
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines), str(root)], cwd=ROOT, env={**environment(), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_run_that_was_killed_keeps_nobody_away(tmp_path: Path) -> None:
    process = script("with journal.held():\n    print('held', flush=True)\n    time.sleep(600)", tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match=f"process {process.pid} "), second(tmp_path):
        pass
    process.kill()
    process.communicate()
    with second(tmp_path):
        pass


def test_a_kill_in_the_middle_leaves_the_old_outcome_or_the_new_one(tmp_path: Path) -> None:
    code = (
        "print('ready', flush=True)\n"
        "for number in range(10**9):\n"
        "    outcome = dataclasses.replace(OUTCOME, key=str(number), notebook=str(number) * 500_000)\n"
        "    journal.put(outcome, recorded=False)\n"
    )
    journal = Journal(tmp_path, "part1")
    journal.put(dataclasses.replace(OUTCOME, key="0", notebook="0" * 500_000), recorded=False)
    for trial in range(3):
        process = script(code, tmp_path)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05 + 0.03 * trial)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        outcome, _ = journal.last("ada")
        assert outcome is not None
        assert outcome.notebook == outcome.key * 500_000
    with journal.held():
        assert [path.name for path in (journal.folder / "students").iterdir()] == ["ada.json"]


def test_a_disk_that_is_full_leaves_the_old_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, "part1")
    journal.put(OUTCOME, recorded=True)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        journal.put(named("ada", "new"), recorded=True)
    assert journal.last("ada") == (OUTCOME, True)
    assert [path.name for path in (journal.folder / "students").iterdir()] == ["ada.json"]


def test_a_result_is_json_for_programs(tmp_path: Path) -> None:
    path = Journal(tmp_path, "part1").write_result({"complete": True})
    assert json.loads(path.read_text(encoding="utf-8")) == {"complete": True}

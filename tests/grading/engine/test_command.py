"""What comes before a run and after it: who would be graded, by which settings, and how submissions stand."""

import shutil
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster
from traitlets.config import Config

from grading.database import configuration
from grading.engine.assignment import Assignment
from grading.engine.command import executors, sandbox_settings, standing, would_grade
from grading.engine.intake import files_of
from grading.engine.job import Job, Outcome, grade
from grading.engine.journal import Journal
from grading.engine.run import Options
from grading.exam import Verdict
from tests.grading.engine.damaged import NAME, PART, document, dump
from tests.tools import eventually


@pytest.fixture
def course(blank_course: Path, tmp_path: Path) -> Path:
    root = tmp_path / "course"
    shutil.copytree(blank_course, root)
    return root


def hand_in(root: Path, student: str, content: bytes | None = None) -> Path:
    path = root / "submitted" / student / PART / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dump(document()) if content is None else content)
    return path


def graded(root: Path, assignment: Assignment, student: str, seed: int = 7, sandbox: str = "full") -> None:
    """Note in the journal what a run leaves there."""
    settings = sandbox_settings(configuration(root), assignment, {"sandbox": sandbox})
    job = Job(student, files_of(root / "submitted" / student / PART), assignment, seed, settings)
    verdict = Verdict("test-mlp-init", 4.0, 4.0, (), seed, 0.1)
    Journal(root, PART).put(Outcome(student, job.key, "graded", verdicts=(verdict,), sandbox=sandbox), recorded=True)


def states(root: Path) -> dict[str, str]:
    return {name: state for name, state, _ in standing(PART, root)}


# --- how submissions stand ----------------------------------------------------------------------------------------
def test_a_submission_that_has_changed_since_it_was_graded_waits(course: Path, assignment: Assignment) -> None:
    path = hand_in(course, "ada")
    assert states(course) == {"ada": "waiting"}
    graded(course, assignment, "ada")
    assert states(course) == {"ada": "graded"}
    path.write_bytes(dump(document({"discuss-cost": "Another answer."})))
    assert states(course) == {"ada": "changed, waiting"}


def test_another_seed_or_no_sandbox_is_no_change(course: Path, assignment: Assignment) -> None:
    hand_in(course, "ada")
    graded(course, assignment, "ada", seed=99, sandbox="none")
    assert states(course) == {"ada": "graded"}


def test_a_change_of_the_assignment_is_one(course: Path, assignment: Assignment) -> None:
    hand_in(course, "ada")
    graded(course, assignment, "ada")
    (course / "source" / PART / "table.csv").write_bytes(b"1,2")
    assert states(course) == {"ada": "changed, waiting"}


def test_what_was_set_aside_stays_so_until_it_can_be_graded(course: Path, assignment: Assignment) -> None:
    path = hand_in(course, "ada", b"{")
    outcome = grade(Job("ada", files_of(path.parent), assignment, 99))
    Journal(course, PART).put(outcome, recorded=True)
    assert states(course) == {"ada": "set aside"}
    hand_in(course, "ada")
    assert states(course) == {"ada": "changed, waiting"}


# --- who would be graded ------------------------------------------------------------------------------------------
def test_a_dry_run_names_those_whom_the_run_would_grade(course: Path, assignment: Assignment) -> None:
    for student in ("ada", "bea", "cleo"):
        hand_in(course, student)
    seed = Journal(course, PART).seed()
    graded(course, assignment, "ada", seed)
    graded(course, assignment, "bea", seed)
    assert would_grade(PART, course, Options()) == ["cleo"]
    assert would_grade(PART, course, Options(force=True)) == ["ada", "bea", "cleo"]
    assert would_grade(PART, course, Options(students=("ada", "cleo"))) == ["cleo"]
    assert would_grade(PART, course, Options(students=("ada",), force=True)) == ["ada"]
    assert would_grade(PART, course, Options(seed=seed + 1)) == ["ada", "bea", "cleo"]
    hand_in(course, "bea", dump(document({"discuss-cost": "Another answer."})))
    assert would_grade(PART, course, Options()) == ["bea", "cleo"]


def test_a_dry_run_leaves_nothing_behind_and_knows_who_is_not_there(course: Path) -> None:
    hand_in(course, "ada")
    assert would_grade(PART, course, Options()) == ["ada"]
    assert not (course / ".grading").exists()
    with pytest.raises(LookupError, match="no folder submitted/nobody/part1; put the student's notebook into it"):
        would_grade(PART, course, Options(students=("nobody",)))


# --- settings -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"limits": {"cell_seconds": 5}}, "no limit cell_seconds; it has cell_cpu_seconds"),
        ({"limits": {"files": 0}}, "limit files has to be a whole number from 1 on, not 0"),
        ({"limits": 5}, "'limits' trait"),
        ({"start": "lukewarm"}, "'start' trait"),
        ({"sandbox": "partly"}, "'sandbox' trait"),
    ],
)
def test_a_setting_that_can_not_be_used_is_said_before_anybody_is_graded(
    assignment: Assignment, settings: dict, told: str
) -> None:
    with pytest.raises(LookupError, match=rf"{told}.*; mend c\.SandboxProvisioner in nbgrader_config\.py"):
        sandbox_settings(Config({"SandboxProvisioner": settings}), assignment, {})


def test_what_is_chosen_comes_before_what_is_configured_and_that_before_the_environment(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Config({"SandboxProvisioner": {"sandbox": "full"}})
    assert sandbox_settings(Config(), assignment, {})["sandbox"] == "full"
    monkeypatch.setenv("GRADING_SANDBOX", "none")
    assert sandbox_settings(Config(), assignment, {})["sandbox"] == "none"
    assert sandbox_settings(configured, assignment, {})["sandbox"] == "full"
    assert sandbox_settings(configured, assignment, {"sandbox": "none"})["sandbox"] == "none"
    monkeypatch.setenv("GRADING_SANDBOX", "partly")
    with pytest.raises(LookupError, match="or GRADING_SANDBOX"):
        sandbox_settings(Config(), assignment, {})


# --- a cluster ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "xyz://127.0.0.1:8786"])
def test_a_scheduler_that_does_not_answer_is_named(address: str) -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        executors(Options(cluster=address)) as make,
        pytest.raises(LookupError, match=f"no Dask scheduler answers at {address} .*; start one with `dask scheduler`"),
    ):
        make()


def test_a_cluster_is_left_at_the_end() -> None:
    with LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address=None) as cluster:
        clients = cluster.scheduler.clients
        before = set(clients)
        with executors(Options(cluster=cluster.scheduler_address)) as make:
            make()
            make()
            assert len(set(clients) - before) == 2
        assert eventually(lambda: set(clients) == before, 10)

"""A run's state by its summary, and by its lock where the summary cannot know better."""

from pathlib import Path

import pytest

from cifar_cli.errors import RunError
from cifar_cli.runs import run_state
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.run_state import RunState, read_run_state


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


@pytest.mark.parametrize(
    ("summary", "state"),
    [
        ({}, RunState(None)),
        ({"status": "completed"}, RunState("completed")),
        ({"status": "interrupted"}, RunState("interrupted")),
        ({"status": "failed", "error": "diverged"}, RunState("failed", "diverged")),
        ({"status": "running"}, RunState("interrupted")),  # the process was killed
        ({"status": ["a stranger's"], "error": None}, RunState(None)),
    ],
)
def test_the_state_of_a_run_that_no_process_trains(run: RunFolder, summary: dict[str, object], state: RunState) -> None:
    write_json(run.summary, summary)
    assert read_run_state(run) == state
    with run_lock(run, warn=pytest.fail):
        pass  # leaves a lock file behind, which locks nothing
    assert read_run_state(run) == state


@pytest.mark.parametrize("status", [None, "running", "interrupted", "failed"])
def test_a_run_that_a_process_trains_is_running_whatever_its_summary_still_says(
    run: RunFolder, status: str | None
) -> None:
    write_json(run.summary, {"status": status, "error": "of the time before"})
    with run_lock(run, warn=pytest.fail):
        assert read_run_state(run) == RunState("running")


def test_a_run_whose_lock_may_not_be_tried_has_the_state_that_its_summary_says(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(run.summary, {"status": "running"})
    monkeypatch.setattr(run_state, "is_locked", lambda run: None)
    assert read_run_state(run) == RunState("running")


def test_asking_for_the_state_writes_nothing(run: RunFolder) -> None:
    write_json(run.summary, {"status": "running"})
    before = sorted(run.path.rglob("*"))
    read_run_state(run)
    assert sorted(run.path.rglob("*")) == before


def test_a_damaged_summary_is_an_error(run: RunFolder) -> None:
    run.summary.write_text("{")
    with pytest.raises(RunError, match="expected a JSON object"):
        read_run_state(run)

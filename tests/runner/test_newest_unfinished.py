"""What is resumed without a name: the newest that is unfinished, past all that is finished, busy or unreadable."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cifar_cli.errors import RunError
from cifar_cli.runner.newest_unfinished import newest_unfinished
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.seed_group import GroupFolder


def started(minute: int) -> dict[str, str]:
    return {"started": datetime(2026, 3, 4, 12, minute, tzinfo=UTC).isoformat()}


def make_run(log_dir: Path, name: str, *, minute: int, **summary: object) -> RunFolder:
    """Makes a run with a checkpoint, by default interrupted."""
    run = RunFolder(log_dir / name)
    run.last_checkpoint.parent.mkdir(parents=True)
    run.last_checkpoint.touch()
    run.config.touch()
    write_json(run.environment, started(minute))
    write_json(run.summary, {"status": "interrupted", **summary})
    return run


def make_group(log_dir: Path, name: str, *, minute: int, runs: Sequence[RunFolder]) -> GroupFolder:
    """Makes a group of runs, and of a seed that has not begun."""
    group = GroupFolder(log_dir / name)
    group.path.mkdir(parents=True)
    group.config.touch()
    write_json(group.environment, started(minute))
    entries = [{"seed": seed, "run": run.name} for seed, run in enumerate(runs)]
    write_json(group.summary, {"runs": [*entries, {"seed": len(runs), "run": None}]})
    return group


def test_the_newest_run_that_is_unfinished_and_would_not_diverge_again(tmp_path: Path) -> None:
    make_run(tmp_path, "oldest", minute=0)
    wanted = make_run(tmp_path, "killed", minute=1, status="running")
    make_run(tmp_path, "diverged", minute=2, status="failed", error="nan")
    make_run(tmp_path, "completed", minute=3, status="completed")
    assert newest_unfinished(tmp_path) == wanted


def test_a_run_that_is_being_trained_is_passed_over_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = make_run(tmp_path, "older", minute=0)
    busy = make_run(tmp_path, "busy", minute=1)
    with run_lock(busy, warn=pytest.fail):
        assert newest_unfinished(tmp_path) == older
    assert capsys.readouterr().err == f"{busy.path}: another process is training it; looking for an older run\n"


@pytest.mark.parametrize("damaged", ["newest", "oldest"])
def test_a_summary_that_cannot_be_read_keeps_no_other_run_from_being_resumed(
    tmp_path: Path, damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for minute, name in enumerate(["oldest", "wanted", "newest"]):
        make_run(tmp_path, name, minute=minute, status="interrupted" if name == "wanted" else "completed")
    summary = RunFolder(tmp_path / damaged).summary
    summary.write_text("{")
    assert newest_unfinished(tmp_path) == RunFolder(tmp_path / "wanted")
    warning = f"warning: {summary}: expected a JSON object, found: "
    printed = capsys.readouterr().err
    assert printed.startswith(warning) == (damaged == "newest")  # an older one does not matter
    assert printed.endswith("\nlooking for an older run\n") == (damaged == "newest")


def test_a_run_of_a_group_stands_for_its_group(tmp_path: Path) -> None:
    seed = make_run(tmp_path, "seed0", minute=2)
    group = make_group(tmp_path, "seeds", minute=0, runs=[seed])
    make_run(tmp_path, "between", minute=1)
    assert newest_unfinished(tmp_path) == group


def test_a_newer_run_comes_before_an_unfinished_group(tmp_path: Path) -> None:
    make_group(tmp_path, "seeds", minute=0, runs=[make_run(tmp_path, "seed0", minute=1, status="completed")])
    alone = make_run(tmp_path, "alone", minute=2)
    assert newest_unfinished(tmp_path) == alone


@pytest.mark.parametrize("trained", ["the group", "a run of it"])
def test_a_group_that_is_being_trained_is_passed_over_with_all_its_runs(
    tmp_path: Path, trained: str, capsys: pytest.CaptureFixture[str]
) -> None:
    older = make_run(tmp_path, "older", minute=0)
    seeds = [make_run(tmp_path, f"seed{seed}", minute=2 + seed) for seed in range(2)]
    group = make_group(tmp_path, "seeds", minute=1, runs=seeds)
    with run_lock(RunFolder(group.path) if trained == "the group" else seeds[0], warn=pytest.fail):
        assert newest_unfinished(tmp_path) == older
    assert capsys.readouterr().err == f"{group.path}: another process is training it; looking for an older run\n"


def test_a_group_with_a_seed_that_cannot_be_read_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = make_run(tmp_path, "older", minute=0)
    seed = make_run(tmp_path, "seed0", minute=2)
    make_group(tmp_path, "seeds", minute=1, runs=[seed])
    seed.summary.write_text("")
    assert newest_unfinished(tmp_path) == older
    assert capsys.readouterr().err.startswith(f"warning: {seed.summary}: expected a JSON object, found: ")


def test_if_nothing_is_left_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    make_run(tmp_path, "completed", minute=0, status="completed")
    busy = make_run(tmp_path, "busy", minute=1)
    with run_lock(busy, warn=pytest.fail), pytest.raises(RunError) as caught:
        newest_unfinished(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: expected an unfinished run, found none; start one with: cifar train --config quickstart"
    )

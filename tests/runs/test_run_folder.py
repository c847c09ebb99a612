"""Run folders are named, created and found."""

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cifar_cli.errors import RunError, RunNotFoundError
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import RunFolder, create_run, find_run, find_runs, newest_run


def finish(log_dir: Path, name: str, *, age_seconds: int = 0) -> RunFolder:
    """Makes a run with a checkpoint, started `age_seconds` ago."""
    run = RunFolder(log_dir / name)
    run.last_checkpoint.parent.mkdir(parents=True)
    run.last_checkpoint.touch()
    run.config.touch()
    started = datetime.fromtimestamp(1_700_000_000 - age_seconds, UTC)
    write_json(run.environment, {"started": started.isoformat()})
    return run


def test_a_run_folder_is_named_by_the_run_and_its_start_time(tmp_path: Path) -> None:
    before = time.strftime("%Y%m%d-%H%M%S")
    run = create_run(tmp_path / "logs", "demo")
    after = time.strftime("%Y%m%d-%H%M%S")
    assert re.fullmatch(r"demo-\d{8}-\d{6}", run.name)
    assert before <= run.name.removeprefix("demo-") <= after
    assert (run.path / "checkpoints").is_dir()


def test_runs_started_in_one_second_get_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda form: "20260304-120000" if form == "%Y%m%d-%H%M%S" else "")
    names = [create_run(tmp_path, "demo").name for _ in range(3)]
    assert names == ["demo-20260304-120000", "demo-20260304-120000-2", "demo-20260304-120000-3"]


def test_the_files_of_a_run_have_the_documented_paths(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "demo")
    paths = [
        run.config,
        run.environment,
        run.metrics,
        run.summary,
        run.last_checkpoint,
        run.best_checkpoint,
        run.images,
    ]
    assert [str(path.relative_to(run.path)) for path in paths] == [
        "config.yaml",
        "env.json",
        "metrics.csv",
        "summary.json",
        "checkpoints/last.pt",
        "checkpoints/best.pt",
        "images",
    ]


def test_a_file_where_the_folder_of_runs_should_be_is_an_error(tmp_path: Path) -> None:
    occupied = tmp_path / "logs"
    occupied.write_text("not a folder")
    with pytest.raises(RunError) as caught:
        create_run(occupied, "demo")
    assert str(caught.value) == (
        f"{occupied}: expected a folder to write runs to, found: File exists; name another with log.dir=FOLDER"
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match=r"found: Permission denied; name another with log\.dir=FOLDER$"):
        create_run(tmp_path, "demo")
    tmp_path.chmod(0o700)


def test_a_read_only_file_system_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunError, match=r"found: Read-only file system; name another with log\.dir=FOLDER$"):
        create_run(tmp_path, "demo")


def test_a_run_is_found_by_its_path_and_by_its_name(tmp_path: Path) -> None:
    run = finish(tmp_path / "logs", "demo-1")
    assert find_run(str(run.path), log_dir=tmp_path / "elsewhere") == run
    assert find_run("demo-1", log_dir=tmp_path / "logs") == run


def test_an_unknown_run_gets_the_nearest_name_and_the_newest_runs(tmp_path: Path) -> None:
    for age, name in enumerate(["newest", "second", "cnn-first-try", "oldest"]):
        finish(tmp_path, name, age_seconds=age)
    with pytest.raises(RunNotFoundError) as caught:
        find_run("cnn-first-tri", log_dir=tmp_path)
    assert str(caught.value) == (
        f"cnn-first-tri: expected a run folder, a checkpoint file, or the name of a run under {tmp_path}, found "
        "none of them; the newest runs are newest, second, cnn-first-try; did you mean 'cnn-first-try'?"
    )


def test_without_any_run_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    missing = tmp_path / "logs"
    with pytest.raises(RunNotFoundError) as caught:
        find_run("demo", log_dir=missing)
    assert str(caught.value).endswith(
        f"; there are no runs under {missing} yet: cifar train --config quickstart makes one"
    )


def test_a_folder_of_runs_is_told_as_one_with_its_newest_run(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for age, name in enumerate(["newest", "older"]):
        finish(elsewhere, name, age_seconds=age)
    with pytest.raises(RunNotFoundError) as caught:
        find_run(str(elsewhere), log_dir=tmp_path / "logs")
    assert str(caught.value) == (
        f"{elsewhere}: expected a run, found a folder of runs; name one of them, such as {elsewhere}/newest, or take "
        f"its newest with --log-dir {elsewhere}"
    )


def test_a_misspelt_path_gets_the_runs_of_its_own_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for age, name in enumerate(["newest", "older"]):
        finish(elsewhere, name, age_seconds=age)
    with pytest.raises(RunNotFoundError) as caught:
        find_run(f"{elsewhere}/oldr", log_dir=tmp_path / "logs")
    assert str(caught.value).endswith(
        f"found none of them; the newest runs are {elsewhere}/newest, {elsewhere}/older; "
        f"did you mean '{elsewhere}/older'?"
    )


def test_a_name_too_long_for_the_file_system_is_an_unknown_run(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="expected a run folder"):
        find_run("x" * 5000, log_dir=tmp_path)


def test_touching_a_run_does_not_make_it_newer(tmp_path: Path) -> None:
    older, newer = (finish(tmp_path, name, age_seconds=age) for name, age in (("b", 1), ("a", 0)))
    for path in older.path.rglob("*"):
        path.touch()
    assert find_runs(tmp_path) == [older, newer]


def test_runs_are_ordered_by_their_start_not_by_name(tmp_path: Path) -> None:
    finish(tmp_path, "a", age_seconds=10)
    finish(tmp_path, "b", age_seconds=30)
    finish(tmp_path, "c", age_seconds=20)
    assert [run.name for run in find_runs(tmp_path)] == ["b", "c", "a"]
    newest = newest_run(tmp_path)
    assert newest is not None
    assert newest.name == "a"


def test_folders_without_a_checkpoint_or_a_configuration_are_no_runs(tmp_path: Path) -> None:
    (finish(tmp_path, "started")).last_checkpoint.unlink()
    (finish(tmp_path, "broken")).config.unlink()
    assert newest_run(tmp_path) is None
    assert newest_run(tmp_path / "missing") is None

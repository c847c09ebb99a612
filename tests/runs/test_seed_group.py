"""A group of seeds: its folder, its summary, and its runs read from the summary."""

from pathlib import Path

import pytest

from cifar_cli.errors import RunError
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import create_run, find_run, find_runs
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.seed_group import (
    GroupFolder,
    SeedRun,
    create_group,
    find_group,
    find_groups,
    read_seed_runs,
    summarize,
)


def make_group(logs: Path, name: str = "small") -> GroupFolder:
    group = create_group(logs, name)
    group.config.write_text("")
    return group


def test_a_group_is_found_by_path_and_by_name_and_is_no_run(tmp_path: Path) -> None:
    group = make_group(tmp_path)
    assert group.path.name.startswith("small-seeds-")
    assert find_group(str(group.path), log_dir=tmp_path / "elsewhere") == group
    assert find_group(group.path.name, log_dir=tmp_path) == group
    assert find_group(create_run(tmp_path, "small").name, log_dir=tmp_path) is None
    assert find_group("x" * 300, log_dir=tmp_path) is None
    assert find_runs(tmp_path) == []
    with pytest.raises(RunError, match="expected one run, found a group of them"):
        find_run(group.path.name, log_dir=tmp_path)


def test_a_seed_whose_process_was_killed_is_interrupted_and_not_finished(tmp_path: Path) -> None:
    killed = SeedRun(0, create_run(tmp_path, "small-seed0"))
    assert killed.folder is not None
    write_json(killed.folder.summary, {"status": "running"})
    assert [run["status"] for run in summarize([killed], status="running", wall_seconds=1.0)["runs"]] == ["interrupted"]
    assert not killed.is_finished
    with run_lock(killed.folder, warn=pytest.fail):
        assert killed.status == "running"


def test_the_mean_time_of_seeds_is_not_known_if_the_time_of_one_is_lost(tmp_path: Path) -> None:
    figures = {"status": "completed", "test": {"loss": 1.0, "accuracy": 0.5}, "wall_seconds": 3.0}
    runs = [SeedRun(seed, create_run(tmp_path, f"small-seed{seed}")) for seed in range(2)]
    for run, seconds in zip(runs, (2.0, None), strict=True):
        assert run.folder is not None
        write_json(run.folder.summary, {**figures, "train_seconds": seconds})
    summary = summarize(runs, status="completed", wall_seconds=7.0)
    assert (summary["mean_train_seconds"], summary["mean_wall_seconds"]) == (None, 3.0)


def test_groups_are_listed_the_oldest_first(tmp_path: Path) -> None:
    groups = [make_group(tmp_path, name) for name in ("b", "a", "c")]
    for age, group in enumerate(groups):
        write_json(group.environment, {"started": f"2026-03-04T12:00:{30 - age}+00:00"})
    assert find_groups(tmp_path) == groups[::-1]


def test_runs_are_read_as_they_were_summarized(tmp_path: Path) -> None:
    group = make_group(tmp_path)
    completed, failed = create_run(tmp_path, "small-seed3"), create_run(tmp_path, "small-seed4")
    figures = {"loss": 1.0, "accuracy": 0.5}
    write_json(completed.summary, {"status": "completed", "test": figures, "train_seconds": 2.0, "wall_seconds": 3.0})
    write_json(failed.summary, {"status": "failed", "test": None})
    runs = [SeedRun(3, completed), SeedRun(4, failed, "diverged"), SeedRun(5)]
    summary = summarize(runs, status="running", wall_seconds=7.0)
    assert [run["status"] for run in summary["runs"]] == ["completed", "failed", "waiting"]
    assert summary["test"]["n"] == 1
    assert (summary["mean_train_seconds"], summary["wall_seconds"]) == (2.0, 7.0)
    write_json(group.summary, summary)
    assert read_seed_runs(group) == runs
    assert [run.is_finished for run in read_seed_runs(group)] == [True, True, False]


def test_a_group_in_which_nothing_is_complete_has_no_statistics() -> None:
    summary = summarize([SeedRun(0), SeedRun(1)], status="running", wall_seconds=1.0)
    assert "test" not in summary
    assert summary["mean_train_seconds"] is None


@pytest.mark.parametrize("key", ["compile_seconds", "warm_up_seconds"])
def test_a_group_has_a_mean_time_of_compiling_if_all_its_runs_have_one(tmp_path: Path, key: str) -> None:
    runs = [SeedRun(seed, create_run(tmp_path, f"small-seed{seed}")) for seed in (0, 1)]
    figures = {"status": "completed", "test": {"accuracy": 0.5}, "train_seconds": 9.0, "wall_seconds": 9.0}
    for run, measured in zip(runs, ({key: 4.0}, {}), strict=True):
        assert run.folder is not None
        write_json(run.folder.summary, {**figures, **measured})
    assert f"mean_{key}" not in summarize(runs, status="completed", wall_seconds=18.0)

    assert runs[1].folder is not None
    write_json(runs[1].folder.summary, {**figures, key: 1.0})
    summary = summarize(runs, status="completed", wall_seconds=18.0)
    assert summary[f"mean_{key}"] == 2.5
    assert [run[key] for run in summary["runs"]] == [4.0, 1.0]


def test_a_strangers_group_names_no_run_outside_of_its_folder(tmp_path: Path) -> None:
    group = make_group(tmp_path / "logs")
    write_json(group.summary, {"runs": [{"seed": 0, "run": "../../other/run"}]})
    (run,) = read_seed_runs(group)
    assert run.folder is not None
    assert run.folder.path == tmp_path / "logs" / "run"

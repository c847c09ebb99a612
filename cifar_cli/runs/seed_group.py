"""Creates, finds and summarizes groups of runs that differ only in their seed.

A group's folder holds `group.yaml` (the configuration), `env.json` and `summary.json`; its runs have folders beside it.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from cifar_cli.errors import RunError
from cifar_cli.runs.confidence import sample_statistics
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import GROUP_CONFIG, OWN_MODEL_COPY, RunFolder, new_folder
from cifar_cli.runs.run_state import read_run_state
from cifar_cli.runs.start_time import start_time
from cifar_cli.shell import shell_command

MEASURES = ("test", "test_plain")
TIMES = ("train_seconds", "wall_seconds")
LENGTH = ("epochs", "stopped_early")  # only where a training may stop early: then seeds differ in it
COMPILING = ("compile_seconds", "warm_up_seconds")  # only in the summaries of runs that choose or compile kernels


@dataclass(frozen=True)
class GroupFolder:
    """A group's folder and the paths of the files in it."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / GROUP_CONFIG

    @property
    def model(self) -> Path:
        """The copy of the file of a person's own network."""
        return self.path / OWN_MODEL_COPY

    @property
    def environment(self) -> Path:
        return self.path / "env.json"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def initial_weights(self) -> Path:
        """The given weights that each seed begins with; there only if the group was started with some."""
        return self.path / "initial.safetensors"

    @property
    def started(self) -> datetime:
        """When the group was started, in UTC."""
        return start_time(self.path)


@dataclass
class SeedRun:
    """A seed of a group. folder: None before its run starts; error: of a training that diverged, and would again."""

    seed: int
    folder: RunFolder | None = None
    error: str | None = None

    @property
    def summary(self) -> Mapping[str, Any]:
        """The run's own summary.json; empty before there is one."""
        return read_json(self.folder.summary) if self.folder else {}

    @property
    def status(self) -> str:
        """The status of its run; `waiting` before the run has one."""
        return (read_run_state(self.folder).status if self.folder else None) or "waiting"

    @property
    def is_finished(self) -> bool:
        return self.error is not None or self.status == "completed"


def create_group(log_dir: Path, name: str) -> GroupFolder:
    """Creates the folder `log_dir/<name>-seeds-<time>` and returns it."""
    return GroupFolder(new_folder(log_dir, f"{name}-seeds"))


def find_groups(log_dir: Path) -> list[GroupFolder]:
    """Returns the groups in `log_dir`, in the order in which they were started."""
    groups = [GroupFolder(path.parent) for path in log_dir.glob(f"*/{GROUP_CONFIG}")]
    return sorted(groups, key=lambda group: (group.started, group.path.name))


def find_group(name: str, *, log_dir: Path) -> GroupFolder | None:
    """Returns the group at the path `name`, or of that name in `log_dir`; None if there is neither."""
    for path in (Path(name), log_dir / name):
        if os.path.isfile(path / GROUP_CONFIG):  # Path.is_file would raise for a name too long to exist
            return GroupFolder(path)
    return None


def read_seed_runs(group: GroupFolder) -> list[SeedRun]:
    """Returns the runs that the group's summary lists. Raises RunError if the summary lists none."""
    try:
        return [_seed_run(entry, group.path.parent) for entry in read_json(group.summary)["runs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{group.summary}: expected the group's runs, each with its seed, found none that can be read; "
            f"put it back as training wrote it, or start again with: "
            f"{shell_command('cifar', 'train', '--config', group.config, '--seeds', 'N')}"
        ) from error


def _seed_run(entry: Mapping[str, Any], log_dir: Path) -> SeedRun:
    run = entry["run"]
    # The name alone: a stranger's folder must not choose where this machine writes.
    return SeedRun(int(entry["seed"]), RunFolder(log_dir / Path(run).name) if run else None, entry.get("error"))


def summarize(runs: Sequence[SeedRun], *, status: str, wall_seconds: float) -> dict[str, Any]:
    """Returns the group's summary: each run's results, and statistics over the completed runs.

    `test` and, with test-time augmentation, `test_plain` are statistics of accuracies in [0, 1]. wall_seconds: of the
    whole command, with the start-up and the loading of images, which the runs' own seconds leave out.
    """
    summaries = [run.summary for run in runs]
    complete = [summary for summary in summaries if summary.get("status") == "completed"]
    first: Mapping[str, Any] = next((summary for summary in summaries if summary), {})
    return {
        "name": first.get("name"),
        "status": status,
        "dataset": first.get("dataset"),
        "model": first.get("model"),
        "seeds": [run.seed for run in runs],
        "runs": [_entry(run, summary) for run, summary in zip(runs, summaries, strict=True)],
        **{key: _statistics(run[key]["accuracy"] for run in complete) for key in MEASURES if _all_have(key, complete)},
        **{f"mean_{key}": _mean(run[key] for run in complete) for key in TIMES},
        **{f"mean_{key}": _mean(run[key] for run in complete) for key in COMPILING if _all_have(key, complete)},
        "wall_seconds": wall_seconds,
    }


def _entry(run: SeedRun, summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "run": run.folder.name if run.folder else None,
        "status": run.status,
        **{key: summary[key] for key in (*MEASURES, *TIMES, *COMPILING) if key in summary},
        **({key: summary[key] for key in LENGTH} if "stopped_early" in summary else {}),
        **({"error": run.error} if run.error else {}),
    }


def _all_have(key: str, summaries: Sequence[Mapping[str, Any]]) -> bool:
    return bool(summaries) and all(key in summary for summary in summaries)


def _statistics(accuracies: Iterable[float]) -> dict[str, Any]:
    sample = sample_statistics(list(accuracies))
    half = sample.half_width
    return {
        "n": sample.n,
        "mean": sample.mean,
        "standard_deviation": sample.standard_deviation,
        "confidence_95": None if half is None else [sample.mean - half, sample.mean + half],
    }


def _mean(seconds: Iterable[float | None]) -> float | None:
    """Returns the mean; None without values, or if one of them is not known."""
    values = list(seconds)
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None

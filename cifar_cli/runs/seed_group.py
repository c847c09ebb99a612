"""Creates, finds and summarizes groups of runs that differ only in their seed.

A group's folder holds `group.yaml` (the configuration), `env.json` and `summary.json`; its runs have folders beside it.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cifar_cli.errors import RunError
from cifar_cli.runs.confidence import sample_statistics
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import GROUP_CONFIG, RunFolder, new_folder
from cifar_cli.runs.start_time import start_time

MEASURES = ("test", "test_plain")
TIMES = ("train_seconds", "wall_seconds")
WARM_UP = "warm_up_seconds"  # only runs that time their first step apart have it


@dataclass(frozen=True)
class GroupFolder:
    """A group's folder and the paths of the files in it."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / GROUP_CONFIG

    @property
    def environment(self) -> Path:
        return self.path / "env.json"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def started(self) -> datetime:
        """When the group was started, in UTC."""
        return start_time(self.path, config=self.config)


@dataclass
class SeedRun:
    """A seed, its run (None before the start), and the error of a training that would fail again (it diverged)."""

    seed: int
    run: RunFolder | None = None
    error: str | None = None

    @property
    def figures(self) -> Mapping[str, Any]:
        """The run's own summary.json; empty where there is none yet."""
        return read_json(self.run.summary) if self.run else {}

    @property
    def is_over(self) -> bool:
        return self.error is not None or self.figures.get("status") == "completed"


def create_group(log_dir: Path, name: str) -> GroupFolder:
    """Creates the folder `log_dir/<name>-seeds-<time>` and returns it."""
    return GroupFolder(new_folder(log_dir, f"{name}-seeds"))


def find_groups(log_dir: Path) -> list[GroupFolder]:
    """Returns the groups in `log_dir`, in the order in which they were started."""
    groups = [GroupFolder(path.parent) for path in log_dir.glob(f"*/{GROUP_CONFIG}")]
    return sorted(groups, key=lambda group: (group.started, group.path.name))


def find_group(name: str, *, log_dir: Path) -> GroupFolder | None:
    """Returns the group at the path `name`, or of that name in `log_dir`; None where there is neither."""
    for path in (Path(name), log_dir / name):
        if os.path.isfile(path / GROUP_CONFIG):  # Path.is_file would raise for a name too long to exist
            return GroupFolder(path)
    return None


def read_members(group: GroupFolder) -> list[SeedRun]:
    """Returns the members that the group's summary lists. Raises RunError where the summary lists none."""
    try:
        return [_member(entry, group.path.parent) for entry in read_json(group.summary)["runs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{group.summary}: expected the group's runs, each with its seed, found none that can be read; "
            f"put it back as training wrote it, or begin again with: cifar train --config {group.config} --seeds N"
        ) from error


def _member(entry: Mapping[str, Any], log_dir: Path) -> SeedRun:
    run = entry["run"]
    # The name alone: a stranger's folder must not choose where this machine writes.
    return SeedRun(int(entry["seed"]), RunFolder(log_dir / Path(run).name) if run else None, entry.get("error"))


def summarize(members: Sequence[SeedRun], *, status: str, wall_seconds: float) -> dict[str, Any]:
    """Returns the group's summary: each member's results, and statistics over the completed members.

    `test` and, with test-time augmentation, `test_plain` are statistics of accuracies in [0, 1]. wall_seconds: of the
    whole command; those of a run leave out the start-up and the reading of the images.
    """
    figures = [member.figures for member in members]
    complete = [each for each in figures if each.get("status") == "completed"]
    first: Mapping[str, Any] = next((each for each in figures if each), {})
    return {
        "name": first.get("name"),
        "status": status,
        "dataset": first.get("dataset"),
        "model": first.get("model"),
        "seeds": [member.seed for member in members],
        "runs": [_entry(member, each) for member, each in zip(members, figures, strict=True)],
        **{measure: _statistics(each[measure]["accuracy"] for each in complete) for measure in _measured(complete)},
        **{f"mean_{time}": _mean(each[time] for each in complete) for time in TIMES},
        **({f"mean_{WARM_UP}": _mean(each[WARM_UP] for each in complete)} if _all_have(WARM_UP, complete) else {}),
        "wall_seconds": wall_seconds,
    }


def _entry(member: SeedRun, figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seed": member.seed,
        "run": member.run.name if member.run else None,
        "status": figures.get("status", "waiting"),
        **{key: figures[key] for key in (*MEASURES, *TIMES, WARM_UP) if key in figures},
        **({"error": member.error} if member.error else {}),
    }


def _measured(complete: Sequence[Mapping[str, Any]]) -> list[str]:
    return [measure for measure in MEASURES if _all_have(measure, complete)]


def _all_have(key: str, complete: Sequence[Mapping[str, Any]]) -> bool:
    return bool(complete) and all(key in figures for figures in complete)


def _statistics(accuracies: Iterable[float]) -> dict[str, Any]:
    found = sample_statistics(list(accuracies))
    half = found.half_width
    return {
        "n": found.n,
        "mean": found.mean,
        "standard_deviation": found.standard_deviation,
        "confidence_95": None if half is None else [found.mean - half, found.mean + half],
    }


def _mean(seconds: Iterable[float]) -> float | None:
    values = list(seconds)
    return sample_statistics(values).mean if values else None

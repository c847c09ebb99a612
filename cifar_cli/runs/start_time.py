"""Tells when a run, or a group of runs, was started. Copying, touching and resuming a folder do not change it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cifar_cli.errors import RunError
from cifar_cli.runs.json_files import read_json

STAMPED_NAME = re.compile(
    r"-(\d{8}-\d{6})(?:-(\d{1,5}))?$"
)  # <name>-<YYYYmmdd-HHMMSS>, and a number for the second one


def start_time(folder: Path, *, config: Path) -> datetime:
    """Returns when the run or group in `folder` was started, in UTC.

    env.json says so from the first second on. Where it does not, the folder's name says it in local time, and else the
    modification time of `config`, the run's or group's configuration.
    """
    return (
        _recorded_time(folder / "env.json")
        or _time_in_name(folder.name)
        or datetime.fromtimestamp(config.stat().st_mtime, UTC)
    )


def _recorded_time(environment: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(read_json(environment)["started"]).astimezone(UTC)
    except (RunError, OSError, KeyError, TypeError, ValueError, OverflowError):  # older, or not as it was written
        return None


def _time_in_name(name: str) -> datetime | None:
    stamp = STAMPED_NAME.search(name)
    if not stamp:
        return None
    try:
        second = datetime.strptime(stamp[1], "%Y%m%d-%H%M%S").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return second + timedelta(microseconds=int(stamp[2] or 1))  # keeps runs of one second in their order

"""Finds when a run or a group of runs was started. Copying, touching or resuming a folder does not change it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cifar_cli.errors import RunError
from cifar_cli.runs.json_files import read_json

# <name>-<YYYYmmdd-HHMMSS>, and -2, -3, ... for further runs of one second
STAMPED_NAME = re.compile(r"-(\d{8}-\d{6})(?:-(\d{1,5}))?$")


UNKNOWN = datetime.min.replace(tzinfo=UTC)  # before all others


def start_time(folder: Path) -> datetime:
    """Returns when the run or group in `folder` was started, in UTC; UNKNOWN if nothing says it.

    The time is that in env.json, or else that in the folder's name, which is local time. The times of files say
    nothing: resuming, copying and touching change them.
    """
    return _recorded_time(folder / "env.json") or _time_in_name(folder.name) or UNKNOWN


def _recorded_time(environment: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(read_json(environment)["started"]).astimezone(UTC)
    except (RunError, OSError, KeyError, TypeError, ValueError, OverflowError):  # no such entry, or no such time
        return None


def _time_in_name(name: str) -> datetime | None:
    stamp = STAMPED_NAME.search(name)
    if not stamp:
        return None
    try:
        second = datetime.strptime(stamp[1], "%Y%m%d-%H%M%S").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return second + timedelta(microseconds=int(stamp[2] or 1))  # keeps the runs of one second in their order

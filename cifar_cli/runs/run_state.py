"""Tells whether a run is being trained at present, and how it ended."""

from typing import NamedTuple

from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.run_lock import is_locked

STATUSES = ("running", "completed", "interrupted", "failed")


class RunState(NamedTuple):
    """status: one of STATUSES, None if no summary.json says it. error: the reason of a training that diverged."""

    status: str | None
    error: str | None = None

    @property
    def is_complete(self) -> bool:
        return self.status == "completed"


def read_run_state(run: RunFolder) -> RunState:
    """Returns the state in summary.json, or what the run's lock knows better. Raises RunError for a damaged file.

    A killed process leaves `running` behind. Only the lock of the run tells it from a process that is training.
    """
    summary = read_json(run.summary)
    status, error = summary.get("status"), summary.get("error")
    if status not in STATUSES:
        status = None
    if status != "completed":
        locked = is_locked(run)
        if locked:
            return RunState("running")
        if status == "running" and locked is False:
            status = "interrupted"
    return RunState(status, str(error) if error else None)

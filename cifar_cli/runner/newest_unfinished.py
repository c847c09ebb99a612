"""Chooses what `cifar train --resume` without a name resumes: the newest run or group of seeds that is not finished."""

from pathlib import Path

from cifar_cli.console.streams import note, warn
from cifar_cli.errors import RunError
from cifar_cli.runs.run_folder import RunFolder, find_runs
from cifar_cli.runs.run_lock import is_locked
from cifar_cli.runs.run_state import read_run_state
from cifar_cli.runs.seed_group import GroupFolder, find_groups, read_seed_runs


def newest_unfinished(log_dir: Path) -> RunFolder | GroupFolder:
    """Returns the unfinished run or group in `log_dir` that was started last; a run of a group stands for its group.

    Passes over, and says so, what cannot be read and what another process is training; passes over runs that diverged
    and would do so again. Raises RunError if nothing is left.
    """
    groups = find_groups(log_dir)
    group_of_run = {path: group for group in groups for path in _runs_in(group)}
    runs_and_groups: list[RunFolder | GroupFolder] = [*find_runs(log_dir), *groups]
    newest_first = sorted(runs_and_groups, key=lambda found: (found.started, found.path.name), reverse=True)
    # A dict keeps the order, and each group once.
    for found in dict.fromkeys(group_of_run.get(found.path, found) for found in newest_first):
        try:
            if not _is_unfinished(found):
                continue
            if not _is_trained(found):
                return found
        except RunError as error:
            warn(f"{error}\nlooking for an older run")
        else:
            note(f"{found.path}: another process is training it; looking for an older run")
    raise RunError(
        f"{log_dir}: expected an unfinished run, found none; start one with: cifar train --config quickstart"
    )


def _runs_in(group: GroupFolder) -> list[Path]:
    """Returns the folders of a group's runs; none if the group cannot be read, which is told when its turn comes."""
    try:
        return [run.folder.path for run in read_seed_runs(group) if run.folder]
    except RunError:
        return []


def _is_unfinished(found: RunFolder | GroupFolder) -> bool:
    if isinstance(found, GroupFolder):
        return not all(run.is_finished for run in read_seed_runs(found))
    state = read_run_state(found)
    return not state.is_complete and state.error is None


def _is_trained(found: RunFolder | GroupFolder) -> bool:
    """Returns whether another process trains the run, or the group or one of its runs."""
    if isinstance(found, GroupFolder):
        folders = [RunFolder(found.path), *(run.folder for run in read_seed_runs(found) if run.folder)]
        return any(is_locked(folder) for folder in folders)
    return bool(is_locked(found))

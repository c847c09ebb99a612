"""Locks a run folder, so that one process at a time trains the run."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from cifar_cli.errors import RunError
from cifar_cli.runs.atomic_files import remove_leftovers
from cifar_cli.runs.run_folder import RunFolder


@contextmanager
def run_lock(run: RunFolder) -> Iterator[None]:
    """Holds the run's lock inside the `with` block. Raises RunError if another process holds the lock.

    The operating system releases the lock when the process ends, however it ends. A lock file alone locks nothing.
    """
    lock = FileLock(run.path / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"{run.path}: expected a run that nobody trains, found one that another process is training; "
            f"wait for it, or stop it first"
        ) from error
    except OSError as error:
        raise RunError(f"{run.path}: could not be locked: {error.strerror}; mend the folder's rights") from error
    try:
        for folder in (run.path, run.last_checkpoint.parent, run.features):
            remove_leftovers(folder)  # no other process writes here now
        yield
    finally:
        lock.release()

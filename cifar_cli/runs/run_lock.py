"""Locks a run folder, so that one process at a time trains the run, and tells whether a process does."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from cifar_cli.errors import RunError
from cifar_cli.runs.atomic_files import remove_leftovers
from cifar_cli.runs.run_folder import RunFolder

LOCK_NAME = ".lock"
# Longer than `is_locked` holds the lock: the question whether a run is trained must not keep it from being trained.
PATIENCE_SECONDS = 0.5


@contextmanager
def run_lock(run: RunFolder) -> Iterator[None]:
    """Holds the run's lock inside the `with` block. Raises RunError if another process holds the lock.

    The operating system releases the lock when the process ends, however it ends. A lock file alone locks nothing.
    """
    lock = FileLock(run.path / LOCK_NAME, timeout=PATIENCE_SECONDS)
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


def is_locked(run: RunFolder) -> bool | None:
    """Returns whether a process trains the run; None if that cannot be told, as in a folder that may only be read."""
    path = run.path / LOCK_NAME
    try:
        if not path.is_file():
            return False
        with FileLock(path, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return None

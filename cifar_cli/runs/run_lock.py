"""Locks a run folder, so that one process at a time trains the run, and tells whether a process does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from cifar_cli.errors import RunError, describe_write_error
from cifar_cli.file_lock import LockHeldError, file_lock, is_held
from cifar_cli.runs.atomic_files import remove_leftovers
from cifar_cli.runs.run_folder import RunFolder

LOCK_NAME = ".lock"
# Longer than `is_locked` holds the lock: the question whether a run is trained must not keep it from being trained.
PATIENCE_SECONDS = 0.5


@contextmanager
def run_lock(run: RunFolder, *, warn: Callable[[str], object]) -> Iterator[None]:
    """Holds the run's lock inside the `with` block. Raises RunError if another process holds the lock.

    warn: called with a sentence where the file system has no locks; the run is then trained without one.
    """

    def warn_without_locks(reason: str) -> None:
        warn(
            f"{run.path}: the file system gives no lock ({reason}), so nothing keeps a second process from training "
            f"the same run; start none"
        )

    with ExitStack() as stack:
        try:
            lock = file_lock(run.path / LOCK_NAME, timeout_seconds=PATIENCE_SECONDS, without_locks=warn_without_locks)
            stack.enter_context(lock)
        except LockHeldError as held:
            raise RunError(
                f"{run.path}: expected a run that nobody trains, found one that {held.holder} is training; "
                f"wait for it, or stop it first"
            ) from held
        except OSError as error:
            raise RunError(f"{run.path}: could not be locked: {describe_write_error(error)}") from error
        for folder in (run.path, run.last_checkpoint.parent, run.features):
            remove_leftovers(folder)  # no other process writes here now
        yield


def is_locked(run: RunFolder) -> bool | None:
    """Returns whether a process trains the run; None if that cannot be told, as on a file system without locks."""
    return is_held(run.path / LOCK_NAME)

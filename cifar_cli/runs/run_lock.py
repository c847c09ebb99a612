"""Locks a run folder, so that one process at a time trains the run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from cifar_cli.errors import RunError
from cifar_cli.file_lock import LockHeldError, file_lock
from cifar_cli.runs.atomic_files import remove_leftovers
from cifar_cli.runs.run_folder import RunFolder


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
            stack.enter_context(file_lock(run.path / ".lock", without_locks=warn_without_locks))
        except LockHeldError as held:
            raise RunError(
                f"{run.path}: expected a run that nobody trains, found one that {held.holder} is training; "
                f"wait for it, or stop it first"
            ) from held
        except OSError as error:
            raise RunError(
                f"{run.path}: could not be locked: {error.strerror}; free space, or mend the folder's rights"
            ) from error
        for folder in (run.path, run.last_checkpoint.parent, run.features):
            remove_leftovers(folder)  # no other process writes here now
        yield

"""Downloads and unpacks a dataset's archive, one process at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cifar_cli.data.download.download import NullReport, Report, download
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.download.unpack import unpack
from cifar_cli.errors import DataError
from cifar_cli.file_lock import LockHeldError, file_lock


def fetch_archive(
    archive: Archive,
    root: Path,
    *,
    is_there: Callable[[], bool],
    mirrors: Sequence[str] = (),
    deadline_seconds: float | None = None,
    report: Report | None = None,
) -> None:
    """Downloads an archive into `root`, unless it is there, and unpacks it.

    is_there: called when this process holds the lock, because another process may have fetched the files before.
    """
    with dataset_lock(root, name=archive.folder, timeout_seconds=deadline_seconds, report=report):
        if not is_there():
            path = download(archive, root, mirrors=mirrors, deadline_seconds=deadline_seconds, report=report)
            unpack(path, root=root, folder=archive.folder)


@contextmanager
def dataset_lock(folder: Path, *, name: str, timeout_seconds: float | None, report: Report | None) -> Iterator[None]:
    """Creates the folder and holds the lock for fetching `name` into it. After a failure, no empty folder is left.

    Raises DataError where the folder cannot be written, or where another process keeps the lock for `timeout_seconds`.
    """
    note, lock = (report or NullReport()).note, folder / f".{name}.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(_made_folder(folder))
            stack.enter_context(
                file_lock(
                    lock,
                    timeout_seconds=timeout_seconds,
                    waiting=lambda holder: note(f"{holder} is fetching {name} into {folder}; waiting for it"),
                    without_locks=lambda reason: note(
                        f"warning: {folder}: the file system gives no lock ({reason}), so nothing keeps a second "
                        f"process from fetching {name} too; start none"
                    ),
                )
            )
        except LockHeldError as held:
            raise DataError(
                f"{lock}: {held.holder} is still fetching after {timeout_seconds:.0f} s; wait for it to finish"
            ) from None
        except OSError as error:
            raise DataError(
                f"{folder}: cannot be written: {error.strerror}; choose another folder with data.root"
            ) from None
        yield


@contextmanager
def _made_folder(folder: Path) -> Iterator[None]:
    """Makes the folder and its parents; after a failure, removes those that it made and that are still empty."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:  # Ctrl-C too, which is the usual end of a slow download; raised again below
        for path in made:
            with suppress(OSError):  # not made, or no longer empty
                path.rmdir()
        raise

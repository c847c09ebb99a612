"""Downloads and unpacks a dataset's archive, one process at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cifar_cli.data.download.download import NullReport, Report, download
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.download.unpack import unpack
from cifar_cli.errors import DataError


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
    """Creates the folder and holds the lock for fetching `name` into it.

    Raises DataError where the folder cannot be written, or where another process keeps the lock for `timeout_seconds`.
    """
    lock = FileLock(folder / f".{name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        (report or NullReport()).note(f"another process is fetching {name} into {folder}; waiting for it")
        _wait_for(lock, timeout_seconds=timeout_seconds)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written: {error.strerror}; choose another folder with data.root"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _wait_for(lock: FileLock, *, timeout_seconds: float | None) -> None:
    try:
        lock.acquire(timeout=-1 if timeout_seconds is None else timeout_seconds)
    except Timeout:
        raise DataError(
            f"{lock.lock_file}: another process is still fetching after {timeout_seconds:.0f} s; wait for it to finish"
        ) from None

"""Writes files so that a reader finds the old one or the new one, never half of one."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from cifar_cli.errors import RunError


def write_atomically(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    check: Callable[[Path], object] | None = None,
    previous: Path | None = None,
    make_folders: bool = False,
) -> None:
    """Has `write` fill a file beside `path`, puts it in `path`'s place, and makes the disk hold it.

    `check` is given the new file before it takes the old one's place, and may raise; the old one is kept as `previous`
    where that is named; `make_folders` makes those on the way. Raises RunError where the file cannot be written; what
    stood at `path` then still stands there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if make_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if check:
            check(temporary)
        if previous and path.exists():
            _keep(path, previous)
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{path}: could not be written: {reason}; free space, or mend the folder's rights") from error
    finally:
        with suppress(OSError):  # usually it is gone: it has become the file
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path`, whole or not at all."""
    write_atomically(path, lambda file: file.write(text.encode()))


def remove_leftovers(folder: Path) -> None:
    """Removes what processes that were killed in the middle of writing to `folder` have left there."""
    for temporary in folder.glob(".*.tmp"):
        with suppress(OSError):
            temporary.unlink()


def _keep(path: Path, previous: Path) -> None:
    """Gives the file at `path` the name `previous` as well, so that there is no moment without a file at `path`."""
    link = previous.with_name(f".{previous.name}.{os.getpid()}.tmp")
    try:
        os.link(path, link)
    except OSError:  # some file systems know no links
        shutil.copy2(path, link)
    os.replace(link, previous)


def _flush_folder(folder: Path) -> None:
    """Makes a rename within `folder` survive a power loss, where the file system can flush a folder at all."""
    if os.name == "nt":  # folders cannot be opened there, and need not be
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # what network shares and the like answer
            raise
    finally:
        os.close(descriptor)

"""Writes files atomically: a reader finds the old file or the new file, never half of one."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from cifar_cli.errors import RunError, describe_write_error


def write_atomically(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    check: Callable[[Path], object] | None = None,
    previous: Path | None = None,
    make_folders: bool = False,
) -> None:
    """Calls `write` with a temporary file beside `path`, flushes that file to the disk, and renames it to `path`.

    check: called with the temporary file's path before the renaming; may raise. previous: the path that the old file
    is moved to. make_folders: whether missing parent folders are created. Raises RunError if the file cannot be
    written; the old file is then still at `path`.
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
        raise RunError(f"{path}: could not be written: {describe_write_error(error)}") from error
    finally:
        with suppress(OSError):  # after a success there is no temporary file left
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` atomically."""
    write_atomically(path, lambda file: file.write(text.encode()))


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that killed processes left in `folder`."""
    for temporary in folder.glob(".*.tmp"):
        with suppress(OSError):
            temporary.unlink()


def _keep(path: Path, previous: Path) -> None:
    """Links the file at `path` to `previous` as well, so that there is a file at `path` at any moment."""
    link = previous.with_name(f".{previous.name}.{os.getpid()}.tmp")
    try:
        os.link(path, link)
    except OSError:  # some file systems have no hard links
        shutil.copy2(path, link)
    os.replace(link, previous)


def _flush_folder(folder: Path) -> None:
    """Flushes the folder's entries, so that a renaming survives a power loss, if the file system can do that."""
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network shares answer so
            raise
    finally:
        os.close(descriptor)

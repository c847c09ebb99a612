"""Compares files with the MD5 sums that their publishers give."""

import hashlib
from pathlib import Path
from typing import Literal

from cifar_cli.errors import DataError

FileState = Literal["ok", "damaged", "missing"]


class MissingFileError(DataError):
    """A file of a dataset is missing; fetching the dataset would help."""


class DamagedFileError(DataError):
    """A file of a dataset is not the published one; fetching the dataset replaces it."""


def md5_of(path: Path) -> str:
    """Returns the MD5 sum of a file as 32 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def file_state(path: Path, *, md5: str) -> FileState:
    """Returns whether a file is missing, damaged, or has the MD5 sum `md5`."""
    if not path.is_file():
        return "missing"
    return "ok" if md5_of(path) == md5 else "damaged"


def read_verified(path: Path, *, md5: str, mend: str) -> bytes:
    """Returns a file's bytes after a check of their MD5 sum.

    Raises MissingFileError, DamagedFileError, or DataError where the file is unreadable; `mend` ends the message.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"{path}: expected a file with MD5 {md5}, found none; {mend}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check who may read it") from None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DamagedFileError(f"{path}: is damaged: expected MD5 {md5}, found {found}; {mend}")
    return content

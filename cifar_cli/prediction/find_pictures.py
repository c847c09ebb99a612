"""Finds the pictures that a command line names: files, folders with all that is below them, and standard input."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cifar_cli.errors import UsageError
from cifar_cli.shell import expand_path

STDIN = "-"
SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})


@dataclass(frozen=True)
class PictureFile:
    """A file to decode. name: what a person reads; is_named: it stands on the command line itself."""

    path: Path
    name: str
    is_named: bool


@contextmanager
def find_pictures(words: Sequence[str]) -> Iterator[list[PictureFile]]:
    """Yields the files that the words name. What comes from a pipe is kept in a file until the context ends.

    A folder's files come in the order of their names, those of folders within it too; 2.jpg comes before 10.jpg.
    Hidden files and the systems' own are left out. Raises UsageError for a word that names nothing.
    """
    with tempfile.TemporaryDirectory(prefix="cifar-") as folder:
        files: list[PictureFile] = []
        for number, word in enumerate(words):
            files += _files_of(word, Path(folder, str(number)))
        yield files


def is_folder(word: str) -> bool:
    """Returns whether a word names a folder."""
    return word != STDIN and expand_path(word).is_dir()


def _files_of(word: str, kept: Path) -> list[PictureFile]:
    """Returns the files of a word. kept: where a pipe's bytes are put."""
    if word == STDIN:
        if sys.stdin.isatty():
            raise UsageError("-: expected a picture from a pipe, found a terminal; write for example: - < photo.jpg")
        kept.write_bytes(sys.stdin.buffer.read())
        return [PictureFile(kept, "<stdin>", is_named=True)]
    path = expand_path(word)
    if path.is_dir():
        found = sorted(_below(path), key=lambda file: _natural(str(file)))
        if not found:
            raise UsageError(f"{path}: expected a folder with pictures, found no file in it; name another")
        return [PictureFile(file, str(file), is_named=False) for file in found]
    if not os.path.lexists(path):
        raise UsageError(f"{path}: expected a picture or a folder of pictures, found no such file; mend the path")
    if path.exists() and not path.is_file():  # a pipe, such as <(…) of bash, cannot be read twice
        kept.write_bytes(_read(path))
        return [PictureFile(kept, str(path), is_named=True)]
    return [PictureFile(path, str(path), is_named=True)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: expected a picture, found what cannot be read: {error.strerror}") from error


def _below(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder. Links to folders are not followed, as they could lead back."""
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(here, name)
            is_broken_link = not path.exists()
            if not name.startswith(".") and name.lower() not in SYSTEM_NAMES and (path.is_file() or is_broken_link):
                yield path


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Returns a key that sorts numbers in names by their value."""
    parts = re.findall(r"\d+|\D+", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]

"""An image file of a person's own, as a listing of its folder shows it. Imports no torch."""

import stat
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

MAX_SHOWN = 10
MAX_LABEL_LENGTH = 100


@dataclass(frozen=True)
class ListedFile:
    """A file with its class.

    name: relative to the root, with `/`. issue: why it cannot be opened, None for most.
    """

    path: Path
    name: str
    label: str
    size_bytes: int
    modified_ns: int
    issue: str | None = None


class ListingError(Exception):
    """Images that cannot be trained on. Its text says what was expected and found; key: the key of `data` to mend."""

    def __init__(self, finding: str, mend: str, *, key: str = "root") -> None:
        super().__init__(f"{finding}; {mend}")
        self.finding = finding
        self.mend = mend
        self.key = key


def listed_file(path: Path, *, name: str, label: str) -> ListedFile:
    """Returns a file with its size and time. What is no file that can be opened says why."""
    try:
        status = path.stat()
    except OSError as error:
        reason = "is a link to nothing" if path.is_symlink() else f"cannot be read: {error.strerror}"
        return ListedFile(path, name, label, size_bytes=0, modified_ns=0, issue=reason)
    issue = None if stat.S_ISREG(status.st_mode) else "is no file"  # opening a pipe would wait for ever
    return ListedFile(path, name, label, size_bytes=status.st_size, modified_ns=status.st_mtime_ns, issue=issue)


def class_name(text: str, *, place: str) -> str:
    """Returns the name of a class in the form that all systems share. Raises ListingError if it cannot be shown."""
    # macOS writes é as e and an accent, other systems as one character.
    name = unicodedata.normalize("NFC", text)
    if not name.isprintable():  # no line breaks, and no bytes that are not UTF-8
        raise ListingError(f"{place}: expected a class's name of printable characters, found {name!r}", "rename it")
    if len(name) > MAX_LABEL_LENGTH:
        finding = f"{place}: expected a class's name of at most {MAX_LABEL_LENGTH} characters, found {len(name)}"
        raise ListingError(finding, "shorten it")
    return name


def shown(names: Collection[str]) -> str:
    """Returns the first names, and how many more there are."""
    first = ", ".join(list(names)[:MAX_SHOWN]) or "none"
    return first if len(names) <= MAX_SHOWN else f"{first} and {len(names) - MAX_SHOWN:,} more"

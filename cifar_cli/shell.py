"""Paths as a person types them in a shell, and commands that can be pasted into one."""

import os
import re
import shlex
from pathlib import Path

from cifar_cli.errors import UsageError

MASK = "***"
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_ADDRESS = re.compile(r"(?i)(https?|ftp|s3|gs|hf):/")  # a Path keeps one slash of two
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def shell_command(*words: object) -> str:
    """Returns the words as one command line, each quoted where a shell would otherwise change it."""
    return " ".join(_quoted(str(word)) for word in words)


def without_passwords(word: str) -> str:
    """Returns a word with *** in the place of each password of an address in it: user:password@ or ?password=…

    By its form, and not as an address is split: a password may hold the / # ? [ that end a part of an address.
    """
    word = re.sub(r"(://[^:/?#@\s]*:).*@", rf"\1{MASK}@", word)
    return re.sub(r"(?i)([?&][a-z_]*passw(?:or)?d=)[^&\s]+", rf"\1{MASK}", word)


def _quoted(word: str) -> str:
    """Returns a word as a shell reads it; one with control characters as $'…', so that it can be shown and pasted."""
    if _CONTROL.search(word) is None:
        return shlex.quote(word)
    escaped = re.sub(r"[\\']", r"\\\g<0>", word)
    return "$'" + _CONTROL.sub(lambda match: _escaped(ord(match[0])), escaped) + "'"


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 128 else f"\\u{code:04x}"  # \u: not in the old bash of macOS


def expand_path(path: str | Path, *, place: str = "") -> Path:
    """Returns the path with a `~` at its beginning and with `$VARIABLE` and `${VARIABLE}` replaced.

    The one function for every path that a person gives: options, words, keys and environment variables mean the same.
    A file whose name really contains a `$` is found where the variable is not defined.
    place: the option or the key, for messages. Raises UsageError for a variable or a user that does not exist, and for
    an address of the web, which would become a folder `https:`.
    """
    text, before = str(path), f"{place}: " if place else ""
    if _ADDRESS.match(text) and not os.path.lexists(text):
        raise UsageError(
            f"{before}{text}: expected a path on this machine, found an address; write a path (what is at an "
            f"address has to be downloaded first)"
        )
    names = [plain or braced for plain, braced in _VARIABLE.findall(text)]
    undefined = [name for name in names if name not in os.environ]
    if undefined and not os.path.lexists(text):
        raise UsageError(
            f"{before}{text}: expected variables that are defined, found {undefined[0]}, which is not; "
            f"define it (export {undefined[0]}=…), or write the path out"
        )
    if not undefined:
        text = _VARIABLE.sub(lambda match: os.environ[match[1] or match[2]], text)
    expanded = os.path.expanduser(text)
    if expanded.startswith("~") and not os.path.lexists(text):
        user = text.split(os.sep)[0]
        raise UsageError(f"{before}{text}: expected a user's folder, found no user {user[1:]}; write the path out")
    return Path(expanded)

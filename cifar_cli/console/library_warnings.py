"""Shows the warnings of libraries as the program shows its own: one line, without the place in the library's source."""

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

# torch adds the line of its C++ source.
TORCH_PLACE = re.compile(r"\s*\(Triggered internally at [^)]*\)\.?")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Prints each UserWarning once, as one line on stderr; drops other categories, which are for developers.

    Logged warnings of libraries are dropped too, for example that matplotlib's folder of fonts is read-only. Does
    nothing if the user has set Python's own filter (PYTHONWARNINGS).
    """
    handler = logging.lastResort
    if sys.warnoptions or handler is None:
        yield
        return
    printed: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = " ".join(TORCH_PLACE.sub("", str(message)).split())
        if category is UserWarning and text not in printed:
            printed.add(text)
            from cifar_cli.console.streams import warn  # imports rich, which `cifar --help` does not need

            warn(text)

    previous, previous_level = warnings.showwarning, handler.level
    warnings.showwarning = show
    handler.setLevel(logging.ERROR)
    try:
        yield
    finally:
        warnings.showwarning = previous
        handler.setLevel(previous_level)

"""Prints a list: a name and a description per line, cut to the width of a terminal. Never imports torch or rich."""

import shutil
import sys
from collections.abc import Mapping


def print_listing(descriptions: Mapping[str, str], *, next_command: str) -> None:
    """Prints a line per name to stdout, and the next command worth trying to stderr.

    Lines are cut to the terminal's width; in a pipe or a file they are whole.
    """
    name_width = max(map(len, descriptions), default=0)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for name, description in descriptions.items():
        line = f"{name:<{name_width}}  {description}"
        print(line if columns is None or len(line) <= columns else f"{line[: columns - 1]}…")
    print(f"next: {next_command}", file=sys.stderr)

"""The consoles of the program: results go to stdout, everything else to stderr.

Text is printed as it is. Rich's markup and emoji codes are off, also in tables: names, paths and classes are a person's
own, and `[old]` or `a:x:b` must arrive unchanged. Styles are given as `Text` or by `style=`.
Of several processes that train together, only the main process prints.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from cifar_cli import formatting
from cifar_cli.distributed.process_group import is_main_process
from cifar_cli.errors import RunError

WIDTH_WITHOUT_TERMINAL = 120  # rich's default of 80 breaks tables in log files


class HarmlessConsole(Console):
    """A console whose text cannot command the terminal, whatever names are in it; rich's own commands still do."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yields the segments of what is printed, their text without control characters."""
        for segment in super().render(renderable, options):
            text = formatting.without_control_characters(segment.text)
            yield segment if segment.control else segment._replace(text=text)


def _console(*, stderr: bool) -> Console:
    make = partial(
        HarmlessConsole, stderr=stderr, markup=False, emoji=False, highlight=False, quiet=not is_main_process()
    )
    if (sys.stderr if stderr else sys.stdout).isatty():
        return make()
    # Not interactive: FORCE_COLOR asks for colours in a file, not for every redrawing of a progress bar.
    return make(width=WIDTH_WITHOUT_TERMINAL, force_interactive=False)


def results() -> Console:
    """Returns the console for results, on stdout."""
    return _console(stderr=False)


def notes() -> Console:
    """Returns the console for progress, notes and warnings, on stderr."""
    return _console(stderr=True)


def note(text: str) -> None:
    """Prints a note."""
    notes().print(text, soft_wrap=True)


def warn(text: str) -> None:
    """Prints a warning of a probable mistake."""
    notes().print(f"warning: {text}", style="yellow", soft_wrap=True)


@contextmanager
def warning_instead_of_failure(*, hint: str) -> Iterator[None]:
    """Turns the RunError of a picture or of another extra into a warning. hint: what is there all the same."""
    try:
        yield
    except RunError as error:
        warn(f"{error}; {hint}")


def print_next_step(*, wrote: list[str], next_command: str) -> None:
    """Prints the files that a command wrote, and the next command worth trying."""
    console = notes()
    for path in wrote:
        console.print(f"wrote {path}", soft_wrap=True)
    console.print(f"next: {next_command}", style="bold", soft_wrap=True)

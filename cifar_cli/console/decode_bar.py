"""Shows on stderr how far the decoding of a person's own images is: a bar on a terminal, ten lines in a log file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cifar_cli.console.streams import notes

LINES = 10
QUICK = 1000  # fewer images are decoded in a few seconds, which need no line


@contextmanager
def decode_bar() -> Iterator[Callable[[int, int], None]]:
    """Yields a function that shows the number of decoded images and of all images. Invisible until it is called."""
    console = notes()
    columns = (TextColumn("decoding images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    lines_printed = 0
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", visible=False)

        def show(done: int, total: int) -> None:
            nonlocal lines_printed
            progress.update(task, completed=done, total=total, visible=True)
            lines_due = LINES * done // total
            if not console.is_terminal and total > QUICK and lines_due != lines_printed:
                lines_printed = lines_due
                console.print(f"decoded {done:,} of {total:,} images", highlight=False)

        yield show

"""Shows the progress of a download on stderr: a bar on a terminal, ten lines in a log file."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cifar_cli.console.streams import notes

LINES_PER_DOWNLOAD = 10


@contextmanager
def download_bar() -> Iterator["DownloadBar"]:
    """Yields a bar that stays invisible until a download starts."""
    console = notes()
    columns = (
        TextColumn("downloading from {task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_interactive) as progress:
        yield DownloadBar(console, progress)


class DownloadBar:
    """Shows a download. Implements cifar_cli.data.download.download.Report."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("", visible=False)
        self._lines_printed = 0

    def note(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def progress(self, done_bytes: int, total_bytes: int, host: str) -> None:
        self._progress.update(self._task, completed=done_bytes, total=total_bytes, description=host, visible=True)
        lines_due = LINES_PER_DOWNLOAD * done_bytes // total_bytes
        if not self._console.is_interactive and lines_due != self._lines_printed:
            self._lines_printed = lines_due
            self.note(f"downloading from {host}: {done_bytes / 1e6:.1f} of {total_bytes / 1e6:.1f} MB")

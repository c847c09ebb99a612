"""Where commands write: results to stdout, everything else to stderr. Knows nothing of what is written.

Of several processes that train together, the main one alone is heard.
"""

from rich.console import Console

from cifar_cli.distributed.process_group import is_main_process

WIDTH_WITHOUT_TERMINAL = 120  # rich would take 80 and break tables in log files


def _console(*, stderr: bool) -> Console:
    quiet = not is_main_process()
    console = Console(stderr=stderr, highlight=False, quiet=quiet)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=WIDTH_WITHOUT_TERMINAL, quiet=quiet)


def results() -> Console:
    """Returns the console for what was asked for."""
    return _console(stderr=False)


def notes() -> Console:
    """Returns the console for progress, notes and warnings."""
    return _console(stderr=True)


def note(text: str) -> None:
    """Tells something by the way."""
    notes().print(text, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Tells something that may well be a mistake."""
    notes().print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def print_next_step(*, wrote: list[str], next_command: str) -> None:
    """Ends a command: what it wrote, and what is worth trying next, ready to copy."""
    console = notes()
    for path in wrote:
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    console.print(f"next: {next_command}", style="bold", markup=False, soft_wrap=True)

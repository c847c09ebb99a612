"""The consoles of the program: results go to stdout, everything else to stderr.

Of several processes that train together, only the main process prints.
"""

from rich.console import Console

from cifar_cli.distributed.process_group import is_main_process

WIDTH_WITHOUT_TERMINAL = 120  # rich's default of 80 breaks tables in log files


def _console(*, stderr: bool) -> Console:
    quiet = not is_main_process()
    console = Console(stderr=stderr, highlight=False, quiet=quiet)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=WIDTH_WITHOUT_TERMINAL, quiet=quiet)


def results() -> Console:
    """Returns the console for results, on stdout."""
    return _console(stderr=False)


def notes() -> Console:
    """Returns the console for progress, notes and warnings, on stderr."""
    return _console(stderr=True)


def note(text: str) -> None:
    """Prints a note."""
    notes().print(text, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Prints a warning of a probable mistake."""
    notes().print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def print_next_step(*, wrote: list[str], next_command: str) -> None:
    """Prints the files that a command wrote, and the next command worth trying."""
    console = notes()
    for path in wrote:
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    console.print(f"next: {next_command}", style="bold", markup=False, soft_wrap=True)

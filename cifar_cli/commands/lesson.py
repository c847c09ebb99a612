"""`cifar lesson`: lists the lessons, runs one or all of them, or shows their source. Imports torch only to run."""

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.commands.options import check_word
from cifar_cli.console.listing import print_listing
from cifar_cli.errors import UsageError
from cifar_cli.lessons.table import LESSONS

FOLDER = Path("lessons")  # not in logs/: there, TensorBoard would open its pictures on them
ALL = "all"


def lesson(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|all",
            help="The lesson; by default, a list of all lessons.",
            autocompletion=lambda: [*LESSONS, ALL],
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the lesson's source instead of running it.")] = False,
) -> None:
    """The tutorials as small programs: run one, read one, or list them in learning order."""
    if name is None:
        if show:
            raise UsageError(
                "cifar lesson --show: expected a lesson's name; write for example cifar lesson linear --show"
            )
        print_listing({name: lesson.title for name, lesson in LESSONS.items()}, next_command=_next_command(None))
        return
    check_word(name, [*LESSONS, ALL], place="cifar lesson")
    if show:
        for shown in LESSONS if name == ALL else [name]:
            _show(shown)
    elif name == ALL:
        _run_all()
    else:
        _run(name)


def _show(name: str) -> None:
    """Prints the lesson's source: in colours on a terminal, else byte for byte."""
    from rich.syntax import Syntax

    from cifar_cli.console.streams import results

    spec = find_spec(LESSONS[name].module)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    console = results()
    if console.is_terminal:
        console.print(Syntax(source, "python", theme="ansi_dark", word_wrap=True))
    else:
        sys.stdout.write(source)


def _run(name: str) -> None:
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.lessons.run_lesson import run_lesson

    wrote = run_lesson(name, folder=FOLDER / name)
    print_next_step(wrote=wrote, next_command=_next_command(name))


def _run_all() -> None:
    """Runs every lesson, and prints a table of their seconds; those of the first include the import of torch."""
    from rich.table import Table

    from cifar_cli.console.streams import print_next_step, results

    seconds, is_written = {}, False
    for name in LESSONS:
        started = time.perf_counter()
        from cifar_cli.lessons.run_lesson import run_lesson

        is_written |= bool(run_lesson(name, folder=FOLDER / name))
        seconds[name] = time.perf_counter() - started
        results().print()
    table = Table("lesson", "seconds", title="All lessons", title_justify="left")
    table.columns[1].justify = "right"
    for name, elapsed_seconds in seconds.items():
        table.add_row(name, f"{elapsed_seconds:.1f}")
    table.add_section()
    table.add_row("all", f"{sum(seconds.values()):.1f}")
    results().print(table)
    wrote = [f"{FOLDER} (pictures and TensorBoard)"] if is_written else []
    print_next_step(wrote=wrote, next_command=f"tensorboard --logdir {FOLDER}")


def _next_command(name: str | None) -> str:
    """Returns the command for the lesson after this one, for the first after None, for a training after the last."""
    names = [None, *LESSONS]
    following = names[names.index(name) + 1 :]
    return f"cifar lesson {following[0]}" if following else "cifar train --config mlp"

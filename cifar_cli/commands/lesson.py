"""`cifar lesson`: lists the lessons, runs one or all of them, or shows their source. Imports torch only to run."""

import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.lessons.table import LESSONS

FOLDER = Path("logs") / "lessons"
ALL = "all"


def lesson(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|all",
            help="Which one; without a name, a list.",
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
        _list()
    elif name != ALL and name not in LESSONS:
        known = ", ".join([*LESSONS, ALL])
        raise UsageError(f"cifar lesson: expected one of {known}; found '{name}'{did_you_mean(name, [*LESSONS, ALL])}")
    elif show:
        for one in LESSONS if name == ALL else [name]:
            _show(one)
    elif name == ALL:
        _run_all()
    else:
        _run_one(name)


def _list() -> None:
    width = max(map(len, LESSONS))
    for name, known in LESSONS.items():
        print(f"{name:<{width}}  {known.title}")
    print(f"next: cifar lesson {next(iter(LESSONS))}", file=sys.stderr)


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


def _run_one(name: str) -> None:
    from cifar_cli.console.streams import print_next_step

    pictures, _ = _run(name)
    print_next_step(wrote=[*map(str, pictures), f"{FOLDER / name} (TensorBoard)"], next_command=_next(name))


def _run(name: str) -> tuple[list[Path], float]:
    """Runs a lesson; returns the pictures that it wrote, and the seconds it took, torch's import included."""
    started = time.perf_counter()
    import torch

    from cifar_cli.console.streams import results
    from cifar_cli.lessons.blackboard import Blackboard

    # Tensors this small gain little from a second thread, and lose much where another program wants its core.
    torch.set_num_threads(1)
    console = results()
    console.print(f"{name}: {LESSONS[name].title}", style="bold cyan", markup=False, soft_wrap=True)
    program = import_module(LESSONS[name].module)
    with Blackboard(FOLDER / name, console=console) as board:
        program.run(board)
    return board.written, time.perf_counter() - started


def _run_all() -> None:
    """Runs every lesson, and ends with a table of the seconds that each took."""
    from rich.table import Table

    from cifar_cli.console.streams import print_next_step, results

    seconds = {}
    for name in LESSONS:
        _, seconds[name] = _run(name)
        results().print()
    table = Table("lesson", "seconds", title="All lessons", title_justify="left")
    table.columns[1].justify = "right"
    for name, taken in seconds.items():
        table.add_row(name, f"{taken:.1f}")
    table.add_section()
    table.add_row("all", f"{sum(seconds.values()):.1f}")
    results().print(table)
    print_next_step(wrote=[f"{FOLDER} (pictures and TensorBoard)"], next_command=f"tensorboard --logdir {FOLDER}")


def _next(name: str) -> str:
    """Returns the command for the lesson after this one, and after the last for a training."""
    names = list(LESSONS)
    following = names[names.index(name) + 1 :]
    return f"cifar lesson {following[0]}" if following else "cifar train --config mlp"

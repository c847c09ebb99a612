"""Runs a lesson of the table: its text goes to the terminal, its pictures and curves to a folder."""

from importlib import import_module
from pathlib import Path

import torch

from cifar_cli.console.streams import results
from cifar_cli.lessons.blackboard import Blackboard
from cifar_cli.lessons.table import LESSONS


def run_lesson(name: str, *, folder: Path) -> list[str]:
    """Runs a lesson on one thread, and returns the names of what the lesson wrote into the folder."""
    # Tensors this small gain little from a second thread, and lose much if another program needs its core.
    torch.set_num_threads(1)
    console = results()
    console.print(f"{name}: {LESSONS[name].title}", style="bold cyan", soft_wrap=True)
    program = import_module(LESSONS[name].module)
    with Blackboard(folder, console=console) as board:
        program.run(board)
    return board.written

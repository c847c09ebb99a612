"""What a terminal shows of predictions: bars of the most probable classes, or a line per picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.half_blocks import can_show_pictures, half_blocks
from cifar_cli.console.streams import results

MAX_PICTURES_WITH_BARS = 12  # more pictures are a table, with a line each
PICTURE_COLUMNS, BAR_COLUMNS, NAME_COLUMNS = 20, 30, 30
FULL, PARTS = "█", " ▏▎▍▌▋▊▉"  # eighths


@dataclass(frozen=True)
class ShownPrediction:
    """A picture's name, its most probable classes with their probabilities, and its pixels, uint8 (C, H, W).

    is_doubtful: see `doubt`.
    """

    name: str
    classes: Sequence[tuple[str, float]]
    pixels: Tensor | None
    is_doubtful: bool


def print_predictions(shown: Sequence[ShownPrediction], *, doubt: str) -> None:
    """Prints the predictions. doubt: what is said of a doubtful one, to continue "it …"."""
    console = results()
    if len(shown) > MAX_PICTURES_WITH_BARS:
        print_table(console, _table(shown))
        if any(each.is_doubtful for each in shown):
            console.print(f"?: {doubt}", soft_wrap=True)
        return
    width = max(cell_len(formatting.shortened(name, length=NAME_COLUMNS)) for each in shown for name, _ in each.classes)
    for number, each in enumerate(shown):
        if number:
            console.print()
        _print_with_bars(console, each, width=width)
        if each.is_doubtful:
            console.print(f"  unlike its training images? {doubt}", style="yellow", soft_wrap=True)


def bar(fraction: float, *, columns: int, encoding: str) -> str:
    """Returns a bar of fraction · columns characters, in eighths of a character where the encoding has these."""
    try:
        (FULL + PARTS).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return "#" * round(fraction * columns)
    eighths = round(fraction * columns * 8)
    return FULL * (eighths // 8) + PARTS[eighths % 8].strip()


def _print_with_bars(console: Console, each: ShownPrediction, *, width: int) -> None:
    lines = []
    for place, (name, probability) in enumerate(each.classes):
        text = formatting.shortened(name, length=NAME_COLUMNS)
        bars = bar(probability, columns=BAR_COLUMNS, encoding=console.encoding)
        label = f"{text}{' ' * (width - cell_len(text))}  {formatting.percent(probability, decimals=1):>7}  "
        lines.append(Text.assemble((label, "bold" if place == 0 else ""), (bars, "green" if place == 0 else "cyan")))
    title = Text(each.name, "bold", overflow="fold")
    if each.pixels is None or not can_show_pictures(console):
        console.print(title, soft_wrap=True)
        for line in lines:
            console.print(Text("  ") + line, soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=PICTURE_COLUMNS, no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_row(half_blocks(each.pixels, columns=PICTURE_COLUMNS), Group(title, Text(), *lines))
    console.print(grid)


def _table(shown: Sequence[ShownPrediction]) -> Table:
    table = Table("picture", "class")
    table.add_column("probability", justify="right")
    table.add_column("next")
    for each in shown:
        (name, probability), *others = each.classes
        text = f"{formatting.percent(probability, decimals=1)}{' ?' if each.is_doubtful else '  '}"
        second = f"{others[0][0]} {formatting.percent(others[0][1], decimals=1)}" if others else ""
        table.add_row(each.name, name, Text(text, "yellow" if each.is_doubtful else ""), second)
    return table

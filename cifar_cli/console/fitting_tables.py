"""Prints tables so that no number and no name is cut: a table that is too wide for the terminal is printed in lines."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

MAX_WIDTH = 10_000  # columns: wider than every table
GAP = 2  # columns between the items of a line


def print_table(console: Console, *tables: Table) -> None:
    """Prints the first of the tables that fits the console's width, or else the last one, in lines.

    tables: the same facts, from the widest to the narrowest.
    """
    for table in tables:
        if _width(console, table) <= console.width:
            console.print(table)
            return
    for line in _lines(tables[-1], width=console.width):
        console.print(line, soft_wrap=True)


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(max_width=MAX_WIDTH), table).maximum


def _lines(table: Table, *, width: int) -> Iterator[Text]:
    """Yields title and first heading, and for each row its first cell and below it the others, after their headings."""
    yield Text()
    headings = [_text(column.header) for column in table.columns]
    if table.title:
        yield _text(table.title)
    if headings[0].plain:
        yield Text(headings[0].plain, style="dim")
    rows = list(zip(*(list(column.cells) for column in table.columns), strict=True))
    if table.show_footer:
        rows.append(tuple(column.footer for column in table.columns))
    for first, *others in rows:
        name = _text(first)
        name.stylize("bold")
        yield name
        items = [
            Text.assemble((" ".join(heading.plain.split()), "dim"), " " if heading.plain.strip() else "", _text(cell))
            for heading, cell in zip(headings[1:], others, strict=True)
            if _text(cell).plain.strip()
        ]
        yield from _packed(items, width=width)


def _packed(items: Sequence[Text], *, width: int) -> Iterator[Text]:
    """Yields indented lines with as many whole items as the width takes, at least one."""
    line = Text()
    for item in items:
        if line and cell_len(line.plain) + GAP + cell_len(item.plain) > width:
            yield line
            line = Text()
        line = Text.assemble(line, " " * GAP, item)
    if line:
        yield line


def _text(cell: RenderableType) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(str(cell))

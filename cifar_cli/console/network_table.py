"""The output of `cifar explain`: the table of a network, and a number worked by hand."""

from rich.box import SIMPLE, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.network_summary import LayerRow, NetworkSummary
from cifar_cli.analysis.worked_number import WorkedExample
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.streams import results

WIDTH_FOR_FORMULAS = 118  # columns; on a narrower terminal, formulas have a table of their own
MAX_GRID_SIZE = 7  # numbers in a row or a column; larger patches are cut short


def print_network_summary(summary: NetworkSummary, *, caption: str) -> None:
    """Prints a row per step and the totals, with formulas beside or, on a narrow terminal, below."""
    console = results()
    console.print(caption, soft_wrap=True)
    is_wide = console.width >= WIDTH_FOR_FORMULAS
    if is_wide:
        console.print(_table(summary, is_wide=True))
    else:
        print_table(console, _table(summary, is_wide=False))
        console.print(_formulas(summary))
    for line in _legend(summary):
        console.print(line, style="dim")


def print_worked_example(layer: str, worked: WorkedExample, *, picture: str) -> None:
    """Prints the matrices and the sums of one number of a layer. picture: a description of the image."""
    console = results()
    console.print(f"{layer}: {formatting.position(worked.place)} for {picture}", style="bold")
    for grids in worked.grids:
        console.print(f"\n{grids.title}")
        _print_grids(console, {name: grid(numbers, digits=worked.digits) for name, numbers in grids.matrices})
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for text, number in worked.lines:
        table.add_row(text, formatting.signed(number, digits=worked.digits))
    by_layer = formatting.signed(worked.by_layer, digits=worked.digits)
    table.add_row("the layer gives, without rounding", by_layer, style="bold")
    console.print()
    console.print(table)
    console.print(worked.rounding, style="dim")


def _table(summary: NetworkSummary, *, is_wide: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_footer=True)
    totals = summary.totals
    table.add_column("layer", footer="all", overflow="fold", min_width=10)
    table.add_column("gives", justify="right", no_wrap=True)
    if is_wide:
        table.add_column("because", overflow="fold", ratio=1)
    table.add_column("params", footer=f"{totals.parameters:,}", justify="right", no_wrap=True)
    table.add_column("FLOPs", footer=formatting.si(totals.flops), justify="right", no_wrap=True)
    table.add_column("time", footer=formatting.duration(totals.seconds), justify="right", no_wrap=True)
    table.add_column("sees", justify="right", no_wrap=True)
    table.add_column("stride", justify="right", no_wrap=True)
    table.add_column("memory", footer=formatting.binary_bytes(totals.activation_bytes), justify="right", no_wrap=True)
    for row in summary.rows:
        cells: list[str | Text] = [
            row.name,
            formatting.shape(row.output_shape),
            *([_because(row)] if is_wide else []),
            f"{row.parameters:,}" if row.parameters else formatting.NOTHING,
            formatting.si(row.flops),
            formatting.percent(row.time_share),
            row.sees,
            _stride(row),
            formatting.binary_bytes(row.activation_bytes),
        ]
        table.add_row(*cells)
    return table


def _formulas(summary: NetworkSummary) -> Table:
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("layer", overflow="fold", min_width=10)
    table.add_column("why it gives that", overflow="fold")
    for row in summary.rows:
        table.add_row(row.name, _because(row))
    return table


def _because(row: LayerRow) -> Text:
    kind = "" if row.kind == row.formula else f"{row.kind} "
    source = f" from {row.inputs[0]}" if len(row.inputs) == 1 else ""
    return Text.assemble((kind, "cyan"), row.formula, (source, "dim"))


def _stride(row: LayerRow) -> str:
    if row.stride is None:
        return formatting.NOTHING
    return "×".join(dict.fromkeys(f"{side:g}" for side in row.stride))


def _legend(summary: NetworkSummary) -> list[str]:
    totals = summary.totals
    memory = totals.activation_bytes * summary.batch_size
    batch = formatting.binary_bytes(memory) if memory else "no memory"
    flops = formatting.si(totals.flops * summary.batch_size) if totals.flops else "no"
    lines = [
        f"Per image; a batch of {summary.batch_size} takes {flops} FLOPs and {batch} for its "
        "activations. FLOPs are counted as torch.utils.flop_counter does: those of convolutions and "
        "matrix products, a multiplication and an addition each one.",
        "sees: pixels that one number looks at (its receptive field), those beyond the edge included; stride: pixels "
        "from one number to its neighbour; memory: of what the layer gives, · where it takes none of its own.",
    ]
    if totals.trainable_parameters != totals.parameters:
        lines.append(f"{totals.trainable_parameters:,} of the {totals.parameters:,} parameters are trained.")
    if totals.unused_parameters:
        lines.append(f"Not used in the pass: {formatting.count(totals.unused_parameters, 'parameter')}.")
    if any("#" in row.name for row in summary.rows):
        lines.append("#2: the second time that the layer runs in one pass.")
    return lines


def _print_grids(console: Console, texts: dict[str, str]) -> None:
    """Prints matrices by name side by side or, on a narrow terminal, below each other."""
    if sum(3 + max(map(len, (name, *text.splitlines()))) for name, text in texts.items()) > console.width:
        for name, text in texts.items():
            console.print(Text(name, style="dim"))
            console.print(Text(text, no_wrap=True))
        return
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=True, header_style="dim")
    for name in texts:
        table.add_column(name, no_wrap=True)
    table.add_row(*texts.values())
    console.print(table)


def grid(numbers: Tensor, *, digits: int) -> str:
    """Returns a matrix as aligned lines of at most MAX_GRID_SIZE numbers with so many decimals."""
    rows = [
        [formatting.signed(float(n), digits=digits) for n in row[:MAX_GRID_SIZE]]
        for row in numbers[:MAX_GRID_SIZE].tolist()
    ]
    width = max(len(cell) for row in rows for cell in row)
    dots = " …" if numbers.shape[1] > MAX_GRID_SIZE else ""
    lines = [" ".join(cell.rjust(width) for cell in row) + dots for row in rows]
    return "\n".join([*lines, "…"] if numbers.shape[0] > MAX_GRID_SIZE else lines)

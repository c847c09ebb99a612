"""Draws a confusion matrix."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.style import DPI, INK, PALE, PAPER, POINTS_PER_INCH

MAX_COUNTED_CLASSES = 20  # with more classes than this the counts no longer fit into the cells
CELL, SMALL_CELL = 0.62, 0.125  # inches
MAX_NAMED_CLASSES = 200  # with more, names would be smaller than a pixel or the picture larger than any memory
TEXT_SIZE, SMALL_TEXT_SIZE = 9.0, 5.5  # points
TOP, RIGHT = 0.8, 2.0  # inches: the title above, the accuracies and the colour bar at the right


def draw_confusion(matrix: Tensor, *, class_names: Sequence[str], title: str = "Confusion matrix") -> Figure:
    """Returns a figure of counts, int64 (K, K), rows the true class and columns the predicted one.

    The shade of a cell is its fraction of its row, on a square-root scale so that rare confusions are visible. The
    class's accuracy is beside each row.
    """
    num_classes = len(class_names)
    assert matrix.shape == (num_classes, num_classes), (tuple(matrix.shape), num_classes)
    counts = matrix.cpu()
    totals = counts.sum(dim=1)  # (K,)
    fractions = counts / totals.clamp(min=1).unsqueeze(1)  # (K, K)
    counted = num_classes <= MAX_COUNTED_CLASSES
    text_size = TEXT_SIZE if counted else SMALL_TEXT_SIZE

    named = num_classes <= MAX_NAMED_CLASSES
    class_names = [formatting.shortened(name) for name in class_names] if named else [""]
    side = max(4.0, min(num_classes, MAX_NAMED_CLASSES) * (CELL if counted else SMALL_CELL))
    # A letter is at most about 0.65 of its size wide, the axis label stands outside the class names.
    names = 0.5 + max(map(len, class_names)) * 0.65 * text_size / POINTS_PER_INCH
    width, height = names + side + RIGHT, TOP + side + names
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((names / width, names / height, side / width, side / height))
    cells = axes.imshow(fractions.numpy(), cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1), interpolation="nearest")
    _name_axes(axes, class_names, text_size=text_size)
    if named:
        _write_accuracies(axes, fractions, totals, text_size=text_size)
    if counted:
        _write_counts(axes, counts, fractions)
    bar_axes = figure.add_axes(((names + side + 0.95) / width, names / height, 0.15 / width, side / height))
    _draw_scale(figure, cells, bar_axes)
    correct, total = int(counts.diagonal().sum()), int(totals.sum())
    accuracy = (
        f"{correct:,} of {total:,} right, {formatting.percent(correct / total, decimals=2)}" if total else "no images"
    )
    figure.text(
        0.15 / width, 1 - 0.15 / height, title, fontsize=14, weight="bold", color=INK, va="top", parse_math=False
    )
    figure.text(0.15 / width, 1 - 0.45 / height, accuracy, fontsize=10, color=PALE, va="top")
    return figure


def _draw_scale(figure: Figure, cells: AxesImage, bar_axes: Axes) -> None:
    ticks = {0.0: "0", 0.01: "1 %", 0.05: "5 %", 0.1: "10 %", 0.25: "25 %", 0.5: "50 %", 0.75: "75 %", 1.0: "100 %"}
    bar = figure.colorbar(cells, cax=bar_axes, ticks=list(ticks))
    bar_axes.set_yticklabels(list(ticks.values()), fontsize=8, color=INK)
    bar.set_label("fraction of the true class (square-root scale)", fontsize=8, color=PALE)
    bar_axes.spines[:].set_visible(False)


def _name_axes(axes: Axes, class_names: Sequence[str], *, text_size: float) -> None:
    positions = range(len(class_names))
    if len(class_names) <= MAX_COUNTED_CLASSES:
        rotated = axes.set_xticks(positions, class_names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        rotated = axes.set_xticks(positions, class_names, rotation=90)
    upright = axes.set_yticks(positions, class_names)
    for tick in (*rotated, *upright):
        tick.label1.set(fontsize=text_size, parse_math=False)  # a class's name may hold dollar signs
    axes.tick_params(length=0, colors=INK)
    axes.set_xlabel("predicted", fontsize=10, color=PALE)
    axes.set_ylabel("true", fontsize=10, color=PALE)
    axes.spines[:].set_visible(False)


def _write_accuracies(axes: Axes, fractions: Tensor, totals: Tensor, *, text_size: float) -> None:
    right = 1.012 * len(totals) - 0.5  # in cells
    axes.text(right, -0.5 - 0.015 * len(totals), "accuracy", fontsize=8, color=PALE, va="bottom")
    for row, (fraction, total) in enumerate(zip(fractions.diagonal().tolist(), totals.tolist(), strict=True)):
        axes.text(
            right,
            row,
            formatting.percent(fraction, decimals=1) if total else "–",
            fontsize=text_size,
            color=INK,
            va="center",
        )


def _write_counts(axes: Axes, counts: Tensor, fractions: Tensor) -> None:
    for row, (row_counts, row_fractions) in enumerate(zip(counts.tolist(), fractions.tolist(), strict=True)):
        for column, (count, fraction) in enumerate(zip(row_counts, row_fractions, strict=True)):
            if count:  # empty cells stay empty: the eye goes to the confusions there are
                colour = "white" if fraction > 0.3 else INK
                axes.text(column, row, f"{count}", ha="center", va="center", fontsize=TEXT_SIZE, color=colour)

"""Draws a confusion matrix. Knows nothing of the network that caused it."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from torch import Tensor

MAX_COUNTED_CLASSES = 20  # with more classes than this the counts no longer fit into the cells
INK, PALE = "#222222", "#777777"


def draw_confusion(matrix: Tensor, *, class_names: Sequence[str], title: str = "Confusion matrix") -> Figure:
    """Returns a figure of counts, int64 (K, K), rows the true class and columns the predicted one.

    The shade of a cell is its share of its row, drawn by the square root so that rare confusions show; beside each row
    stands the class's accuracy.
    """
    num_classes = len(class_names)
    assert matrix.shape == (num_classes, num_classes), (tuple(matrix.shape), num_classes)
    counts = matrix.cpu()
    totals = counts.sum(dim=1)  # (K,)
    shares = counts / totals.clamp(min=1).unsqueeze(1)  # (K, K)

    side = max(5.0, 0.62 * num_classes) if num_classes <= MAX_COUNTED_CLASSES else 0.125 * num_classes
    figure = Figure(figsize=(side + 3.4, side + 2.0), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    # In fractions of the figure; the square of cells is `side` inches wide.
    axes = figure.add_axes((1.5 / (side + 3.4), 1.3 / (side + 2.0), side / (side + 3.4), side / (side + 2.0)))
    cells = axes.imshow(shares.numpy(), cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1), interpolation="nearest")
    _name_axes(axes, class_names)
    correct = int(counts.diagonal().sum())
    total = int(totals.sum())
    accuracy = f"{correct:,} of {total:,} right, {100 * correct / total:.2f} %" if total else "no images"
    figure.text(0.1 / (side + 3.4), 1 - 0.15 / (side + 2.0), title, fontsize=14, weight="bold", color=INK, va="top")
    figure.text(0.1 / (side + 3.4), 1 - 0.42 / (side + 2.0), accuracy, fontsize=10, color=PALE, va="top")
    _write_accuracies(axes, shares, totals)
    if num_classes <= MAX_COUNTED_CLASSES:
        _write_counts(axes, counts, shares)

    bar_axes = figure.add_axes(
        ((side + 2.35) / (side + 3.4), 1.3 / (side + 2.0), 0.15 / (side + 3.4), side / (side + 2.0))
    )
    bar = figure.colorbar(cells, cax=bar_axes, ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["0", "1 %", "5 %", "10 %", "25 %", "50 %", "75 %", "100 %"], fontsize=8, color=INK)
    bar.set_label("share of the true class (square-root scale)", fontsize=8, color=PALE)
    bar.outline.set_visible(False)
    return figure


def _name_axes(axes: Axes, class_names: Sequence[str]) -> None:
    size = 9 if len(class_names) <= MAX_COUNTED_CLASSES else 5.5
    places = range(len(class_names))
    axes.set_xticks(
        places, class_names, rotation=45 if size > 6 else 90, ha="right" if size > 6 else "center", fontsize=size
    )
    axes.set_yticks(places, class_names, fontsize=size)
    if size > 6:
        axes.set_xticks(places, class_names, rotation_mode="anchor")
    axes.tick_params(length=0, colors=INK)
    axes.set_xlabel("predicted", fontsize=10, color=PALE)
    axes.set_ylabel("true", fontsize=10, color=PALE)
    axes.spines[:].set_visible(False)


def _write_accuracies(axes: Axes, shares: Tensor, totals: Tensor) -> None:
    size = 9 if len(totals) <= MAX_COUNTED_CLASSES else 5.5
    right = len(totals) - 0.5 + 0.012 * len(totals)
    axes.text(right, -0.7, "accuracy", fontsize=8, color=PALE, va="bottom")
    for row, (share, total) in enumerate(zip(shares.diagonal().tolist(), totals.tolist(), strict=True)):
        axes.text(right, row, f"{100 * share:.1f} %" if total else "–", fontsize=size, color=INK, va="center")


def _write_counts(axes: Axes, counts: Tensor, shares: Tensor) -> None:
    for row, (row_counts, row_shares) in enumerate(zip(counts.tolist(), shares.tolist(), strict=True)):
        for column, (count, share) in enumerate(zip(row_counts, row_shares, strict=True)):
            if count:  # empty cells stay empty: the eye goes to the confusions there are
                colour = "white" if share > 0.3 else INK
                axes.text(column, row, f"{count}", ha="center", va="center", fontsize=9, color=colour)

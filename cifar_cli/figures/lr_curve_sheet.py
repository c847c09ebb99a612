"""Draws the curve of a learning-rate range test, with the suggestion marked."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from cifar_cli.figures.curves import curves_figure
from cifar_cli.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, PALE


def lr_curve_figure(
    title: str,
    *,
    lrs: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    steepest: int | None,
    lowest: int | None,
    configured: float,
    key: str,
) -> Figure:
    """Returns the losses against the learning rate, on a logarithmic axis.

    smoothed: may be shorter than the losses. steepest, lowest: steps to mark. configured: the learning rate that the
    configuration has. key: the axis's label, such as optimizer.lr.
    """
    figure, (axes,) = curves_figure(title, panels=1, width=7.5, height=4.2)
    axes.set_xscale("log")
    axes.plot(lrs, losses, color=FAINT, linewidth=1.0, label="loss of each step")
    axes.plot(lrs[: len(smoothed)], smoothed, color=BLUE, linewidth=1.8, label="smoothed")
    axes.axvline(configured, color=PALE, linewidth=1.0, linestyle=":", label=f"the configuration's {configured:.2g}")
    marks = ((steepest, ORANGE, "o", "suggestion: steepest descent"), (lowest, GREEN, "s", "lowest smoothed loss"))
    for step, colour, marker, label in marks:
        if step is not None:
            place = ([lrs[step]], [smoothed[step]])
            axes.plot(*place, marker, color=colour, markersize=8, label=f"{label}, {lrs[step]:.2g}")
    axes.set_xlabel(key, fontsize=9, color=INK)
    axes.set_ylabel("training loss", fontsize=9, color=INK)
    if smoothed:
        # The divergence is cut off: the fall is what there is to see.
        low, start = min(smoothed), max(smoothed[: max(len(smoothed) // 3, 1)])
        axes.set_ylim(low - 0.3 * (start - low) - 0.02, start + 1.0 * (start - low) + 0.02)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    return figure

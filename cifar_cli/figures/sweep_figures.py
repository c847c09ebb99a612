"""Draws a sweep: the accuracy of its trials in their order, and how much each key matters."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cifar_cli import formatting
from cifar_cli.figures.curves import curves_figure
from cifar_cli.figures.style import BAD, BLUE, INK, ORANGE, PALE
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, FAILED, PRUNED, TrialRecord, best_of

ROW_INCHES = 0.45  # height of a bar with its gap
LONGEST_KEY = 36  # characters
MARK_SIZE = 26  # points²
FOOT = 0.03  # of the picture's height
MARKS = {COMPLETE: (BLUE, "o"), PRUNED: (PALE, "v"), DIVERGED: (BAD, "x"), FAILED: (BAD, "+")}
PERCENT = PercentFormatter(xmax=1, decimals=None, symbol=" %")


def draw_history(trials: Sequence[TrialRecord], *, title: str) -> Figure:
    """Returns a figure with the validation accuracy of each trial by its number, and the best so far.

    A trial without an accuracy stands at the foot of the picture.
    """
    figure, (axes,) = curves_figure(title, panels=1, height=4.2)
    axes.set_xlabel("trial", fontsize=9, color=INK)
    axes.set_ylabel("validation accuracy", fontsize=9, color=INK)
    axes.yaxis.set_major_formatter(PERCENT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for outcome, (colour, marker) in MARKS.items():
        these = [trial for trial in trials if trial.outcome == outcome]
        if not these:
            continue
        known = [(trial.number, trial.val_accuracy) for trial in these if trial.val_accuracy is not None]
        unknown = [(trial.number, FOOT) for trial in these if trial.val_accuracy is None]
        mark = partial(axes.scatter, color=colour, marker=marker, s=MARK_SIZE, zorder=3)
        mark([x for x, _ in known], [y for _, y in known], label=f"{outcome} ({len(these)})")
        mark([x for x, _ in unknown], [y for _, y in unknown], transform=axes.get_xaxis_transform())
    _draw_best(axes, trials)
    axes.margins(y=0.15)
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=len(MARKS) + 1)
    return figure


def _draw_best(axes: Axes, trials: Sequence[TrialRecord]) -> None:
    """Draws the best accuracy so far, and names the winner."""
    winner = best_of(trials)
    if winner is None or winner.val_accuracy is None:
        return
    complete = [trial for trial in trials if trial.outcome == COMPLETE]
    best = list(accumulate((trial.val_accuracy or 0.0 for trial in complete), max))
    numbers = [trial.number for trial in complete]
    axes.step(numbers, best, where="post", color=ORANGE, linewidth=1.6, label="best so far")
    is_late = winner.number > (numbers[0] + numbers[-1]) / 2  # the words then end at the point, within the picture
    axes.annotate(
        f"trial {winner.number}: {formatting.percent(winner.val_accuracy, decimals=2)}",
        (winner.number, winner.val_accuracy),
        xytext=(0, 8),
        textcoords="offset points",
        ha="right" if is_late else "left",
        fontsize=8,
        color=INK,
    )


def draw_importance(importances: Mapping[str, float], *, title: str, caption: str) -> Figure:
    """Returns a figure with a bar for each key, the most important one above. importances: shares of 1."""
    figure, (axes,) = curves_figure(title, panels=1, height=1.3 + ROW_INCHES * len(importances))
    ordered = sorted(importances.items(), key=lambda item: item[1])
    keys = [formatting.shortened(key, length=LONGEST_KEY) for key, _ in ordered]
    bars = axes.barh(range(len(ordered)), [share for _, share in ordered], color=BLUE, height=0.6)
    axes.set_yticks(range(len(ordered)), labels=keys)
    axes.bar_label(bars, labels=[formatting.percent(share) for _, share in ordered], padding=4, fontsize=8, color=INK)
    axes.set_xlim(0, 1.1 * max(importances.values()))
    axes.xaxis.set_major_formatter(PERCENT)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(caption, fontsize=8, color=PALE)
    return figure

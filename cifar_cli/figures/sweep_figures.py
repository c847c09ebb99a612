"""Draws a sweep: the accuracy of its trials in their order, and how much each key matters."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cifar_cli import formatting
from cifar_cli.figures.curves import curves_figure
from cifar_cli.figures.style import BAD, BLUE, INK, ORANGE, PALE
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, FAILED, PRUNED, TrialRecord, best_of

ROW_INCHES = 0.45  # height of a bar with its gap
LONGEST_KEY = 36  # characters


def draw_history(trials: Sequence[TrialRecord], *, title: str) -> Figure:
    """Returns a figure with the validation accuracy of each trial by its number, and the best so far."""
    figure, (axes,) = curves_figure(title, panels=1)
    axes.set_xlabel("trial", fontsize=9, color=INK)
    axes.set_ylabel("validation accuracy", fontsize=9, color=INK)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    marks = {COMPLETE: (BLUE, "o"), PRUNED: (PALE, "v"), DIVERGED: (BAD, "x"), FAILED: (BAD, "+")}
    lowest = min((trial.val_accuracy for trial in trials if trial.val_accuracy is not None), default=0.0)
    for outcome, (colour, marker) in marks.items():
        these = [trial for trial in trials if trial.outcome == outcome]
        if these:
            # A trial without an accuracy stands at the foot of the picture.
            heights = [lowest if trial.val_accuracy is None else trial.val_accuracy for trial in these]
            numbers = [trial.number for trial in these]
            axes.scatter(
                numbers, heights, color=colour, marker=marker, s=26, label=f"{outcome} ({len(these)})", zorder=3
            )
    complete = [trial for trial in trials if trial.outcome == COMPLETE]
    best = [_best_until(complete, trial.number) for trial in complete]
    if complete:
        axes.step([t.number for t in complete], best, where="post", color=ORANGE, linewidth=1.6, label="best so far")
    winner = best_of(trials)
    if winner is not None and winner.val_accuracy is not None:
        axes.annotate(
            f"trial {winner.number}: {formatting.percent(winner.val_accuracy, decimals=2)}",
            (winner.number, winner.val_accuracy),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=INK,
        )
        axes.margins(y=0.15)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def draw_importance(importances: Mapping[str, float], *, title: str, caption: str) -> Figure:
    """Returns a figure with a bar for each key, the most important one above. importances: shares of 1."""
    figure, (axes,) = curves_figure(title, panels=1, height=1.3 + ROW_INCHES * len(importances))
    ordered = sorted(importances.items(), key=lambda item: item[1])
    keys = [formatting.shortened(key, length=LONGEST_KEY) for key, _ in ordered]
    bars = axes.barh(range(len(ordered)), [share for _, share in ordered], color=BLUE, height=0.6)
    axes.set_yticks(range(len(ordered)), labels=keys)
    axes.bar_label(bars, labels=[formatting.percent(share) for _, share in ordered], padding=4, fontsize=8, color=INK)
    axes.set_xlim(0, 1.1 * max(importances.values()))
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(caption, fontsize=8, color=PALE)
    return figure


def _best_until(complete: Sequence[TrialRecord], number: int) -> float:
    return max(trial.val_accuracy or 0.0 for trial in complete if trial.number <= number)

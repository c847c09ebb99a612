"""The pictures of a sweep: what is drawn where."""

from collections.abc import Sequence

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from cifar_cli.figures.sweep_figures import draw_history, draw_importance
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, PRUNED, TrialRecord

TRIALS = [
    TrialRecord(0, {}, COMPLETE, val_accuracy=0.5),
    TrialRecord(1, {}, PRUNED, val_accuracy=0.2),
    TrialRecord(2, {}, DIVERGED),
    TrialRecord(3, {}, COMPLETE, val_accuracy=0.4),
    TrialRecord(4, {}, COMPLETE, val_accuracy=0.75),
]


def points(axes: Axes) -> dict[str, list[Sequence[float]]]:
    clouds = [cloud for cloud in axes.collections if isinstance(cloud, PathCollection)]
    return {
        str(cloud.get_label()): cloud.get_offsets().tolist()  # type: ignore[union-attr]
        for cloud in clouds
        if not str(cloud.get_label()).startswith("_")
    }


def test_the_history_has_a_mark_for_each_trial_and_the_best_so_far() -> None:
    (axes,) = draw_history(TRIALS, title="a sweep").axes
    assert points(axes) == {
        "complete (3)": [[0, 0.5], [3, 0.4], [4, 0.75]],
        "pruned (1)": [[1, 0.2]],
        "diverged (1)": [],
    }
    (best,) = axes.lines
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([0, 3, 4], [0.5, 0.5, 0.75])
    assert [text.get_text() for text in axes.texts] == ["trial 4: 75.00 %"]


def test_a_trial_without_an_accuracy_stands_at_the_foot() -> None:
    (axes,) = draw_history(TRIALS, title="a sweep").axes
    unlabelled = [cloud for cloud in axes.collections if str(cloud.get_label()).startswith("_")]
    offsets = [point for cloud in unlabelled for point in cloud.get_offsets().tolist()]  # type: ignore[union-attr]
    assert offsets == [[2, 0.03]]


def test_a_history_without_a_complete_trial_is_drawn() -> None:
    (axes,) = draw_history(TRIALS[1:3], title="a sweep").axes
    assert not axes.lines


def test_the_most_important_key_is_above_the_others() -> None:
    (axes,) = draw_importance({"optimizer.lr": 0.7, "model.name": 0.3}, title="a sweep", caption="share").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["model.name", "optimizer.lr"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.3, 0.7])
    assert [text.get_text() for text in axes.texts] == ["30 %", "70 %"]

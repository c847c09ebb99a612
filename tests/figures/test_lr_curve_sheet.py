"""The picture of a learning-rate range test."""

import pytest

from cifar_cli.figures.lr_curve_sheet import lr_curve_figure

LRS, LOSSES = [1e-3, 1e-2, 1e-1, 1.0], [2.3, 2.0, 1.6, 90.0]


def test_the_suggestion_and_the_lowest_loss_are_marked_at_their_learning_rates() -> None:
    figure = lr_curve_figure(
        "a test",
        lrs=LRS,
        losses=LOSSES,
        smoothed=LOSSES[:3],
        steepest=1,
        lowest=2,
        configured=0.05,
        key="optimizer.lr",
    )
    (axes,) = figure.axes
    places = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}
    assert places["suggestion: steepest descent, 0.01"] == ([1e-2], [2.0])
    assert places["lowest smoothed loss, 0.1"] == ([1e-1], [1.6])
    assert places["the configuration's 0.05"][0] == [0.05, 0.05]
    assert places["loss of each step"] == (LRS, LOSSES)
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "optimizer.lr")
    assert axes.get_ylim()[1] < 10  # the divergence is cut off


@pytest.mark.parametrize("losses", [[], [float("nan")], [2.0]])
def test_a_curve_without_a_fall_has_no_marks(losses: list[float]) -> None:
    figure = lr_curve_figure(
        "a test",
        lrs=LRS[: len(losses)],
        losses=losses,
        smoothed=[loss for loss in losses if loss == loss],
        steepest=None,
        lowest=None,
        configured=0.05,
        key="optimizer.lr",
    )
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["loss of each step", "smoothed", "the configuration's 0.05"]

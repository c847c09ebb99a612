"""The suggestion of a learning-rate range test, on curves whose right answer is known."""

import math

import pytest

from cifar_cli.training.lr_curve import LrCurve

LRS = [10 ** (-6 + 7 * step / 99) for step in range(100)]  # 1e-6 to 10


def falling_between(start: float, end: float, *, top: float = 2.3, bottom: float = 1.5) -> list[float]:
    """Returns losses that fall in a straight line over log lr between two learning rates, and then explode."""
    losses = []
    for lr in LRS:
        part = (math.log10(lr) - math.log10(start)) / (math.log10(end) - math.log10(start))
        losses.append(top - (top - bottom) * min(max(part, 0), 1) if part <= 1.2 else top * 10 ** (part - 1.2))
    return losses


@pytest.mark.parametrize(("start", "end"), [(1e-3, 1e-1), (1e-4, 1e-3), (1e-2, 1.0)])
def test_the_suggestion_lies_where_the_loss_falls(start: float, end: float) -> None:
    curve = LrCurve(LRS, falling_between(start, end))
    assert curve.steepest is not None
    assert curve.lowest is not None
    assert start <= LRS[curve.steepest] <= end
    assert LRS[curve.lowest] == pytest.approx(end, rel=1.0)


def test_of_two_falls_the_steeper_one_is_suggested() -> None:
    # 0.1 a decade from 1e-5 on, 0.5 a decade between 1e-2 and 1e-1.
    gentle = [0.1 * max(math.log10(lr) + 5, 0) for lr in LRS]
    steep = [0.5 * min(max(math.log10(lr) + 2, 0), 1) for lr in LRS]
    curve = LrCurve(LRS, [3 - a - b for a, b in zip(gentle, steep, strict=True)])
    assert curve.steepest is not None
    assert LRS[curve.steepest] == pytest.approx(10**-1.5, rel=0.2)


def test_smoothing_is_the_mean_of_a_loss_and_its_neighbours_on_both_sides() -> None:
    curve = LrCurve(LRS[:11], [0.0, 3.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 5.0])
    # One loss alone at the ends; then three, five, seven and nine.
    expected = [0, 1, 3 / 5, 12 / 7, 12 / 9, 12 / 9, 14 / 9, 14 / 7, 5 / 5, 5 / 3, 5]
    assert curve.smoothed == pytest.approx(expected)


def test_a_curve_has_diverged_at_four_times_the_best_mean_or_without_a_finite_loss() -> None:
    flat = [2.0] * 20
    assert not LrCurve(LRS[:20], flat).has_diverged
    # The mean of nine: eight times 2 and 56 is 8, four times the best; a little more is too much.
    assert not LrCurve(LRS[:21], [*flat, 56.0]).has_diverged
    assert LrCurve(LRS[:21], [*flat, 56.1]).has_diverged
    assert LrCurve(LRS[:1], [math.nan]).has_diverged
    assert not LrCurve([], []).has_diverged


@pytest.mark.parametrize(
    "losses",
    [
        [],
        [math.inf],
        [2.3, math.nan],
        [2.3] * 100,
        [2.3 + 0.01 * (-1) ** step for step in range(100)],  # noise
        [2.0 + 0.01 * step for step in range(100)],  # rises only
        [2.3, 2.0, 1.5, 1.0, math.nan],  # falls, but not over a decade
    ],
)
def test_without_a_fall_over_a_decade_nothing_is_suggested(losses: list[float]) -> None:
    assert LrCurve(LRS[: len(losses)], losses).steepest is None

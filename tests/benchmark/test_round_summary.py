"""Medians and ranges by hand, and confidence intervals by scipy."""

import pytest
import torch
from scipy.stats import quantile_test

from cifar_cli.benchmark.round_summary import ratio, summarize_rounds


def test_the_median_of_an_even_number_of_rounds_is_the_mean_of_the_middle_two() -> None:
    found = summarize_rounds([4.0, 1.0, 3.0, 2.0])
    assert (found.median, found.lowest, found.highest) == (2.5, 1.0, 4.0)
    assert found.per_round == (4.0, 1.0, 3.0, 2.0)


def test_a_ratio_is_taken_within_each_round_and_not_of_medians() -> None:
    # The second round was disturbed: both took three times as long, which leaves their ratio the same.
    found = ratio([2.0, 6.0, 2.2], to=[1.0, 3.0, 1.0])
    assert found.per_round == pytest.approx((2.0, 2.0, 2.2))
    assert found.median == 2.0


@pytest.mark.parametrize("rounds", [6, 7, 8, 9, 10, 20, 25, 60, 101])
def test_the_interval_of_the_median_is_scipys(rounds: int) -> None:
    ratios = torch.rand(rounds, generator=torch.Generator().manual_seed(rounds)).tolist()
    expected = quantile_test(ratios, q=0, p=0.5).confidence_interval(0.95)
    found = summarize_rounds(ratios)
    assert found.interval == (expected.low, expected.high)
    assert found.uncertainty == expected.high - expected.low
    assert found.is_confident


def test_the_interval_of_fewer_than_six_rounds_is_the_range_without_confidence() -> None:
    assert summarize_rounds([3.0, 1.0, 2.0, 5.0, 4.0]).interval == (1.0, 5.0)  # 1 − 2 / 2⁵ is 93.75 %
    assert not summarize_rounds([3.0, 1.0, 2.0, 5.0, 4.0]).is_confident
    assert summarize_rounds([2.0, 9.0]).interval == (2.0, 9.0)


def test_a_disturbed_round_of_nine_does_not_move_the_interval() -> None:
    assert summarize_rounds([2.0, 2.1, 2.1, 2.1, 2.2, 2.2, 2.2, 2.3, 2.4]).interval == (2.1, 2.3)
    assert summarize_rounds([2.0, 2.1, 2.1, 2.1, 2.2, 2.2, 2.2, 2.3, 9.9]).interval == (2.1, 2.3)

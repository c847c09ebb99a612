"""Medians and ranges, by hand."""

import pytest

from cifar_cli.benchmark.ratios import ratio, spread


def test_an_even_number_of_rounds_has_its_median_in_the_middle_of_two() -> None:
    found = spread([4.0, 1.0, 3.0, 2.0])
    assert (found.median, found.lowest, found.highest) == (2.5, 1.0, 4.0)
    assert found.per_round == (4.0, 1.0, 3.0, 2.0)


def test_a_ratio_is_taken_within_each_round_and_not_of_medians() -> None:
    # The second round was disturbed: both took three times as long, and their ratio is what it was.
    found = ratio([2.0, 6.0, 2.2], to=[1.0, 3.0, 1.0])
    assert found.per_round == pytest.approx((2.0, 2.0, 2.2))
    assert found.median == 2.0


def test_a_single_disturbed_round_makes_no_disagreement() -> None:
    assert spread([2.0, 2.0, 2.1, 2.2, 2.2]).disagreement == pytest.approx(0.2)  # the second and the fourth of five
    assert spread([2.0, 2.0, 2.1, 2.2, 9.0]).disagreement == pytest.approx(0.2)
    assert spread([2.0, 9.0]).disagreement == pytest.approx(3.5)  # a quarter of the way from either end

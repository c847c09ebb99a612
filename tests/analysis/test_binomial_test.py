"""The exact binomial test, against sums worked with whole numbers."""

from fractions import Fraction
from math import comb

import pytest

from cifar_cli.analysis.binomial_test import binomial_tail


@pytest.mark.parametrize("successes", [0, 1, 3, 4, 10, 39, 40, 41])
def test_the_tail_is_the_sum_of_the_binomial_probabilities(successes: int) -> None:
    exact = sum(comb(40, k) * Fraction(1, 10) ** k * Fraction(9, 10) ** (40 - k) for k in range(successes, 41))
    assert binomial_tail(successes, 40, probability=0.1) == pytest.approx(float(exact), rel=1e-9)


def test_a_fair_coin_gives_8_or_more_heads_of_10_in_56_of_1024_series() -> None:
    assert binomial_tail(8, 10, probability=0.5) == pytest.approx(56 / 1024, rel=1e-12)


def test_many_trials_neither_overflow_nor_underflow() -> None:
    exact = sum(comb(2000, k) * 9 ** (2000 - k) for k in range(240, 2001)) / Fraction(10) ** 2000
    assert binomial_tail(240, 2000, probability=0.1) == pytest.approx(float(exact), rel=1e-9)
    assert binomial_tail(45_000, 50_000, probability=0.1) == 0.0

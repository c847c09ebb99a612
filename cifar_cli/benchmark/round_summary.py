"""Summarizes the values of several rounds: the median, its confidence interval, and the range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CONFIDENCE = 0.95


@dataclass(frozen=True)
class RoundSummary:
    """The median, the lowest and the highest value of some rounds, and all values in order."""

    median: float
    lowest: float
    highest: float
    per_round: tuple[float, ...]

    @property
    def is_confident(self) -> bool:
        """Whether there are enough rounds, six, for an interval that contains the true median with 95 % confidence."""
        return _sign_test_probability(0, rounds=len(self.per_round)) <= (1 - CONFIDENCE) / 2

    @property
    def interval(self) -> tuple[float, float]:
        """The interval that contains the true median with 95 % confidence; the range for fewer than six rounds.

        As in the sign test, the interval leaves out the rounds that may lie to one side of the median by chance: a few
        disturbed rounds do not change it. Source: Conover, Practical Nonparametric Statistics, 3.2.
        """
        ordered, omitted = sorted(self.per_round), 0
        while _sign_test_probability(omitted + 1, rounds=len(ordered)) <= (1 - CONFIDENCE) / 2:
            omitted += 1
        return ordered[omitted], ordered[-1 - omitted]

    @property
    def uncertainty(self) -> float:
        """The width of the interval."""
        low, high = self.interval
        return high - low


def summarize_rounds(per_round: Sequence[float]) -> RoundSummary:
    """Returns the summary of at least two rounds."""
    return RoundSummary(median(per_round), min(per_round), max(per_round), tuple(per_round))


def ratio(of: Sequence[float], to: Sequence[float]) -> RoundSummary:
    """Returns the ratio of two measurements, round by round."""
    return summarize_rounds([numerator / denominator for numerator, denominator in zip(of, to, strict=True)])


def _sign_test_probability(count: int, *, rounds: int) -> float:
    """Returns the probability that at most `count` of the rounds lie on a given side of the true median."""
    return sum(math.comb(rounds, number) for number in range(count + 1)) / (1 << rounds)

"""Sums up what rounds gave: the median, how sure it is, and the range. Knows nothing of what was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CONFIDENCE = 0.95


@dataclass(frozen=True)
class RatioSummary:
    """The median of some rounds, their lowest and highest value, and all of them in order."""

    median: float
    lowest: float
    highest: float
    per_round: tuple[float, ...]

    @property
    def is_confident(self) -> bool:
        """Whether there are enough rounds, six, for an interval that holds the true median with 95 % confidence."""
        return _unlikely_side(0, rounds=len(self.per_round)) <= (1 - CONFIDENCE) / 2

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true median lies with 95 % confidence; of fewer than six rounds the range, which is less sure.

        It leaves out as many rounds at either end as may lie to one side of the median by chance, as in the sign test:
        a few that were disturbed, however much, do not move it. Source: Conover, Practical Nonparametric Statistics,
        3.2.
        """
        ordered, left_out = sorted(self.per_round), 0
        while _unlikely_side(left_out + 1, rounds=len(ordered)) <= (1 - CONFIDENCE) / 2:
            left_out += 1
        return ordered[left_out], ordered[-1 - left_out]

    @property
    def uncertainty(self) -> float:
        """How wide the interval is."""
        low, high = self.interval
        return high - low


def summarize_ratios(per_round: Sequence[float]) -> RatioSummary:
    """Returns the median and range of what each round gave; at least two rounds."""
    return RatioSummary(median(per_round), min(per_round), max(per_round), tuple(per_round))


def ratio(of: Sequence[float], to: Sequence[float]) -> RatioSummary:
    """Returns how many times as long `of` took as `to`, round by round."""
    return summarize_ratios([longer / shorter for longer, shorter in zip(of, to, strict=True)])


def _unlikely_side(most: int, *, rounds: int) -> float:
    """Returns the probability that at most so many of the rounds lie on a given side of the true median."""
    return sum(math.comb(rounds, number) for number in range(most + 1)) / (1 << rounds)

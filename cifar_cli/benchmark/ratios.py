"""Sums up what rounds gave: the median and the range. Knows nothing of what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, their lowest and highest value, and all of them in order."""

    median: float
    lowest: float
    highest: float
    per_round: tuple[float, ...]

    @property
    def disagreement(self) -> float:
        """How far the middle half of the rounds lies apart: a single one that was disturbed does not count."""
        first, _, third = quantiles(self.per_round, n=4, method="inclusive")
        return third - first


def spread(per_round: Sequence[float]) -> Spread:
    """Returns the median and range of what each round gave; at least two rounds."""
    return Spread(median(per_round), min(per_round), max(per_round), tuple(per_round))


def ratio(of: Sequence[float], to: Sequence[float]) -> Spread:
    """Returns how many times as long `of` took as `to`, round by round."""
    return spread([longer / shorter for longer, shorter in zip(of, to, strict=True)])

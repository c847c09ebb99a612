"""What a few measurements of the same thing say of it: mean, deviation, confidence interval. Knows nothing of runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True)
class SampleStatistics:
    """n measurements: their mean, their standard deviation (with n − 1), and how far the true mean may be from theirs.

    half_width: the 95 % confidence interval is mean ± half_width, by Student's t; None, as the deviation, where n is 1.
    """

    n: int
    mean: float
    standard_deviation: float | None
    half_width: float | None


def sample_statistics(measurements: Sequence[float]) -> SampleStatistics:
    """Returns what one or more measurements say."""
    n, mean = len(measurements), fmean(measurements)
    if n == 1:
        return SampleStatistics(n, mean, None, None)
    deviation = stdev(measurements)
    return SampleStatistics(n, mean, deviation, student_t(CONFIDENCE, degrees=n - 1) * deviation / math.sqrt(n))


def student_t(confidence: float, *, degrees: int) -> float:
    """Returns the t for which |T| ≤ t has that probability, T having so many degrees of freedom (1 or more)."""
    low, high = 0.0, 1.0
    while _within(high, degrees) < confidence:
        high *= 2
    for _ in range(100):  # halving: more than the digits a float has
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < confidence else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    """Returns the probability of |T| ≤ t: a finite sum (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees))
    is_odd = degrees % 2
    term = math.cos(angle) if is_odd else 1.0
    total = 0.0
    for k in range(2 + is_odd, degrees + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (k - 1) / k
    return 2 / math.pi * (angle + math.sin(angle) * total) if is_odd else math.sin(angle) * total

"""Computes mean, standard deviation and confidence interval of a few measurements."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True)
class SampleStatistics:
    """Mean, sample standard deviation (with n − 1) and 95 % confidence interval of n measurements.

    half_width: the interval is mean ± half_width, by Student's t. standard_deviation and half_width are None if n is 1.
    """

    n: int
    mean: float
    standard_deviation: float | None
    half_width: float | None


def sample_statistics(measurements: Sequence[float]) -> SampleStatistics:
    """Returns the statistics of one or more measurements."""
    n, mean = len(measurements), fmean(measurements)
    if n == 1:
        return SampleStatistics(n, mean, None, None)
    deviation = stdev(measurements)
    return SampleStatistics(n, mean, deviation, student_t(CONFIDENCE, degrees=n - 1) * deviation / math.sqrt(n))


def student_t(confidence: float, *, degrees: int) -> float:
    """Returns the t for which P(|T| ≤ t) = confidence, where T has 1 or more degrees of freedom."""
    low, high = 0.0, 1.0
    while _within(high, degrees) < confidence:
        high *= 2
    for _ in range(100):  # halvings: more than a float has binary digits
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < confidence else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    """Returns P(|T| ≤ t) by a finite sum. Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees))
    is_odd = degrees % 2
    term = math.cos(angle) if is_odd else 1.0
    total = 0.0
    for k in range(2 + is_odd, degrees + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (k - 1) / k
    return 2 / math.pi * (angle + math.sin(angle) * total) if is_odd else math.sin(angle) * total

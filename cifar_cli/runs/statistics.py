"""What a few measurements of the same thing say of it: mean, deviation, confidence interval. Knows nothing of runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Statistics:
    """n measurements: their mean, their standard deviation (with n − 1), and how far the true mean may be from theirs.

    half_width: the 95 % confidence interval is mean ± half_width, by Student's t; None, as the deviation, where n is 1.
    """

    n: int
    mean: float
    standard_deviation: float | None
    half_width: float | None


def statistics_of(measurements: Sequence[float]) -> Statistics:
    """Returns what one or more measurements say."""
    n, mean = len(measurements), fmean(measurements)
    if n == 1:
        return Statistics(n, mean, None, None)
    deviation = stdev(measurements)
    return Statistics(n, mean, deviation, student_t(CONFIDENCE, degrees=n - 1) * deviation / math.sqrt(n))


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


def percent(share: float, uncertainty: float | None) -> str:
    """Returns a share in [0, 1] in percent with as many digits as its uncertainty leaves it: `93.97 % ± 0.06`.

    The uncertainty is told with one digit, or two where the first is a 1; without one, two decimals.
    """
    if not uncertainty:
        return f"{share:.2%}".replace("%", " %")
    digits = decimals(100 * uncertainty)
    return f"{100 * share:.{digits}f} % ± {100 * uncertainty:.{digits}f}"


def decimals(uncertainty: float) -> int:
    """Returns how many decimals are worth telling of a number that is as uncertain as that."""
    exponent = math.floor(math.log10(uncertainty))
    digits = 2 if uncertainty / 10.0**exponent < 1.95 else 1  # 1.95 is told as 2
    return max(0, digits - 1 - exponent)

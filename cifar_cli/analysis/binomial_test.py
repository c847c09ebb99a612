"""Tests whether a number of correct answers is more than guessing gives."""

import math

NEGLIGIBLE = 1e-15  # of the sum so far: below the precision of a float


def binomial_tail(successes: int, trials: int, *, probability: float) -> float:
    """Returns P(X ≥ successes), where X counts the successes of independent trials: the one-sided exact binomial test.

    probability: of one success, above 0 and below 1.
    """
    if successes <= 0:
        return 1.0
    if successes > trials:
        return 0.0
    if successes <= trials * probability:  # the terms would grow at first; the other tail's only shrink
        return 1.0 - binomial_tail(trials - successes + 1, trials, probability=1 - probability)
    # From the first term on, each term is a factor of the one before it; only the first needs logarithms.
    term = math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(successes + 1)
        - math.lgamma(trials - successes + 1)
        + successes * math.log(probability)
        + (trials - successes) * math.log1p(-probability)
    )
    total = 0.0
    for count in range(successes, trials + 1):
        total += term
        if term <= NEGLIGIBLE * total:
            break
        term *= (trials - count) / (count + 1) * probability / (1 - probability)
    return min(total, 1.0)

"""The step schedule: a staircase."""

from bisect import bisect_right
from collections.abc import Callable, Sequence


def step(
    *, total_steps: int, epoch_ends: Sequence[int], every_epochs: int = 30, gamma: float = 0.1
) -> Callable[[int], float]:
    """Returns a staircase: the factor is multiplied by `gamma` after every `every_epochs` epochs."""
    return lambda step: gamma ** (bisect_right(epoch_ends, step) // every_epochs)

"""The constant schedule."""

from collections.abc import Callable, Sequence


def constant(*, total_steps: int, epoch_ends: Sequence[int]) -> Callable[[int], float]:
    """Returns a factor of 1 at every step."""
    return lambda step: 1.0

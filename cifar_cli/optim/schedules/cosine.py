"""The cosine schedule."""

from collections.abc import Callable, Sequence
from math import cos, pi


def cosine(*, total_steps: int, epoch_ends: Sequence[int], final_lr_ratio: float = 0.0) -> Callable[[int], float]:
    """Returns half a cosine from 1 down to `final_lr_ratio`. Source: Loshchilov and Hutter, arXiv:1608.03983."""
    return lambda step: cosine_between(1.0, final_lr_ratio, step / total_steps)


def cosine_between(start: float, end: float, progress: float) -> float:
    """Returns the value at `progress` in [0, 1] of half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + cos(pi * progress)) / 2

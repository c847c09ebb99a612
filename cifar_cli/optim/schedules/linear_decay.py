"""The linear schedule: a straight line down."""

from collections.abc import Callable, Sequence


def linear_decay(*, total_steps: int, epoch_ends: Sequence[int], final_lr_ratio: float = 0.0) -> Callable[[int], float]:
    """Returns a straight line from 1 down to `final_lr_ratio`."""
    return lambda step: 1.0 + (final_lr_ratio - 1.0) * step / total_steps

"""The schedule of torch's PolynomialLR: a power of the part of the training that is left."""

from collections.abc import Callable, Sequence


def polynomial(
    *, total_steps: int, epoch_ends: Sequence[int], power: float = 1.0, final_lr_ratio: float = 0.0
) -> Callable[[int], float]:
    """Returns a power of a straight line from 1 down to 0, raised to end at `final_lr_ratio`."""
    return lambda step: final_lr_ratio + (1.0 - final_lr_ratio) * (1.0 - step / total_steps) ** power

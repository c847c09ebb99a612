"""The schedule of torch's CosineAnnealingWarmRestarts: cosines one after the other."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from cifar_cli.optim.schedules.cosine import cosine_between


def cosine_restarts(
    *,
    total_steps: int,
    epoch_ends: Sequence[int],
    first_epochs: int = 10,
    multiplier: int = 1,
    final_lr_ratio: float = 0.0,
) -> Callable[[int], float]:
    """Returns cosines from 1 down to `final_lr_ratio`, the first of them over `first_epochs` epochs.

    Each of the others is `multiplier` times as long as the one before it.
    Source: Loshchilov and Hutter, arXiv:1608.03983.
    """

    def factor(step: int) -> float:
        epoch, length = _epochs_at(step, epoch_ends), first_epochs
        while epoch >= length:
            epoch -= length
            length *= multiplier
        return cosine_between(1.0, final_lr_ratio, epoch / length)

    return factor


def _epochs_at(step: int, epoch_ends: Sequence[int]) -> float:
    """Returns the number of epochs before a step, such as 2.5 in the middle of the third."""
    complete = bisect_right(epoch_ends, step)
    start = epoch_ends[complete - 1] if complete else 0
    return complete + (step - start) / (epoch_ends[complete] - start)

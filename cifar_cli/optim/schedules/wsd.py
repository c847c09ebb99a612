"""The schedule WSD: warm-up, stable, decay. With a straight decay, it is called trapezoidal too."""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Literal


def wsd(
    *,
    total_steps: int,
    epoch_ends: Sequence[int],
    warmup_steps: int = 0,
    cooldown_fraction: float = 0.2,
    cooldown_shape: Literal["linear", "1-sqrt"] = "1-sqrt",
    final_lr_ratio: float = 0.0,
) -> Callable[[int], float]:
    """Returns 1, and in the last `cooldown_fraction` of the whole training a fall to `final_lr_ratio`.

    warmup_steps: the steps before `total_steps`, which the fraction counts too. cooldown_shape: with p from 0 to 1 over
    the cooldown, 1 - p or 1 - sqrt(p). Source: Hägele et al. 2024, arXiv:2405.18392.
    """
    cooldown_steps = min(round(cooldown_fraction * (warmup_steps + total_steps)), total_steps)
    constant_steps = total_steps - cooldown_steps

    def factor(step: int) -> float:
        if step < constant_steps:
            return 1.0
        progress = (step - constant_steps) / max(cooldown_steps, 1)
        fallen = progress if cooldown_shape == "linear" else sqrt(progress)
        return 1.0 + (final_lr_ratio - 1.0) * fallen

    return factor

"""The triangle schedule: a straight line up and one down."""

from collections.abc import Callable, Sequence


def triangle(
    *,
    total_steps: int,
    epoch_ends: Sequence[int],
    peak_at: float = 0.2,
    start_lr_ratio: float = 0.0,
    final_lr_ratio: float = 0.0,
) -> Callable[[int], float]:
    """Returns a straight line up from `start_lr_ratio` to 1, and a straight line down to `final_lr_ratio`.

    peak_at: the fraction of all steps before the peak.
    """
    peak_step = peak_at * total_steps

    def factor(step: int) -> float:
        done = step + 1  # so that the first step has a factor above 0
        if done <= peak_step:
            return start_lr_ratio + (1.0 - start_lr_ratio) * done / peak_step
        return 1.0 + (final_lr_ratio - 1.0) * (done - peak_step) / (total_steps - peak_step)

    return factor

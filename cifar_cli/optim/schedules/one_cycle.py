"""The schedule of torch's OneCycleLR."""

from collections.abc import Callable, Sequence

from cifar_cli.optim.schedules.cosine import cosine_between


def one_cycle(
    *,
    total_steps: int,
    epoch_ends: Sequence[int],
    peak_at: float = 0.3,
    start_lr_ratio: float = 0.04,
    final_lr_ratio: float = 1e-4,
) -> Callable[[int], float]:
    """Returns a cosine up from `start_lr_ratio` to 1, and a cosine down to `final_lr_ratio`, as in torch's OneCycleLR.

    peak_at: the fraction of all steps before the peak. Source: Smith and Topin, arXiv:1708.07120.
    """
    peak_step = peak_at * total_steps - 1
    last_step = total_steps - 1

    def factor(step: int) -> float:
        if step <= peak_step:
            return cosine_between(start_lr_ratio, 1.0, step / max(peak_step, 1))
        return cosine_between(1.0, final_lr_ratio, (step - peak_step) / (last_step - peak_step))

    return factor

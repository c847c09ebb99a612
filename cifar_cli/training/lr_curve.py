"""The curve of a learning-rate range test, and the learning rate that it suggests."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOW = 9  # steps whose mean is the smoothed loss
DECADE = 15  # steps over which the slope is measured: about a factor of ten in the learning rate
DIVERGED = 4.0  # times the best loss, as in fastai
LEAST_FALL = 0.02  # of the first loss; less is noise


@dataclass(frozen=True)
class LrCurve:
    """The learning rate and the loss of each step; the learning rates grow by equal factors."""

    lrs: Sequence[float]
    losses: Sequence[float]

    @property
    def finite_losses(self) -> Sequence[float]:
        """The losses before the first that is not finite."""
        end = next((step for step, loss in enumerate(self.losses) if not math.isfinite(loss)), len(self.losses))
        return self.losses[:end]

    @property
    def smoothed(self) -> list[float]:
        """The mean of each loss and its neighbours, so many on either side as there are on both."""
        losses = self.finite_losses
        reach = [min(WINDOW // 2, step, len(losses) - 1 - step) for step in range(len(losses))]
        return [float(np.mean(losses[step - each : step + each + 1])) for step, each in enumerate(reach)]

    @property
    def has_diverged(self) -> bool:
        """Whether the loss is no longer finite, or the mean of the last ones far above that of the best."""
        if not self.losses or not math.isfinite(self.losses[-1]):
            return bool(self.losses)
        if len(self.losses) < WINDOW:
            return False
        means = np.convolve(self.losses, np.full(WINDOW, 1 / WINDOW), "valid")
        return bool(means[-1] > DIVERGED * means.min())

    @property
    def lowest(self) -> int | None:
        """The step with the lowest smoothed loss; None if the loss has not fallen."""
        smoothed = self.smoothed
        if not smoothed:
            return None
        step = int(np.argmin(smoothed))
        start = float(np.mean(self.finite_losses[:WINDOW]))
        return step if smoothed[step] < (1 - LEAST_FALL) * start else None

    @property
    def steepest(self) -> int | None:
        """The middle of the decade, before the lowest smoothed loss, in which the loss falls fastest: the suggestion.

        None if the loss has not fallen, or the steps before its lowest are fewer than a decade.
        """
        lowest, half = self.lowest, DECADE // 2
        losses, exponents = self.finite_losses, np.log10(self.lrs)
        if lowest is None:
            return None
        spans = {step: slice(step - half, step + half + 1) for step in range(half, min(lowest + 1, len(losses) - half))}
        slopes = {step: float(np.polyfit(exponents[span], losses[span], 1)[0]) for step, span in spans.items()}
        step = min(slopes, key=lambda each: slopes[each], default=None)
        return step if step is not None and slopes[step] < 0 else None

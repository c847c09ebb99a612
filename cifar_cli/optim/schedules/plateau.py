"""The schedule of torch's ReduceLROnPlateau, which follows the validation results."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Literal

THRESHOLD = 1e-4  # the relative change that counts as better: the default of torch's ReduceLROnPlateau


class Plateau:
    """A factor that is multiplied by `factor` when `metric` is no better in more than `patience` epochs.

    It never falls below `final_lr_ratio`. As a schedule: called with a step, returns the factor of the present epoch.
    """

    def __init__(
        self,
        *,
        total_steps: int,
        epoch_ends: Sequence[int],
        factor: float = 0.1,
        patience: int = 10,
        metric: Literal["val_loss", "val_accuracy"] = "val_loss",
        final_lr_ratio: float = 0.0,
    ) -> None:
        self._factor, self._patience, self._final_lr_ratio = factor, patience, final_lr_ratio
        self._is_loss = metric == "val_loss"
        self._best = inf if self._is_loss else -inf
        self._bad_epochs = 0
        self._reductions = 0

    def __call__(self, step: int) -> float:
        return max(self._factor**self._reductions, self._final_lr_ratio)

    def epoch_ended(self, *, val_loss: float, val_accuracy: float) -> None:
        """Takes the results of an epoch; the factor of the steps after it may be smaller."""
        value = val_loss if self._is_loss else val_accuracy
        if value < self._best * (1.0 - THRESHOLD) if self._is_loss else value > self._best * (1.0 + THRESHOLD):
            self._best, self._bad_epochs = value, 0
        else:
            self._bad_epochs += 1
        if self._bad_epochs > self._patience:
            self._reductions += 1
            self._bad_epochs = 0

    def state_dict(self) -> dict[str, float]:
        """Returns what the validation results so far have left behind."""
        return {"best": self._best, "bad_epochs": self._bad_epochs, "reductions": self._reductions}

    def load_state_dict(self, saved: Mapping[str, float]) -> None:
        """Restores the result of `state_dict`."""
        self._best = saved["best"]
        self._bad_epochs, self._reductions = int(saved["bad_epochs"]), int(saved["reductions"])

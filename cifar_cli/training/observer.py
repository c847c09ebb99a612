"""The events of a training, and the base class of all that observes a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cifar_cli.training.evaluation import Evaluation
    from cifar_cli.training.state import TrainingState


@dataclass(frozen=True)
class EpochReport:
    """One epoch's result: a row of metrics.csv.

    Accuracies in [0, 1]. Training metrics are means over the epoch's images, each measured in the image's own step.
    Validation metrics are those of the weights at the epoch's end; None without validation images. seconds: training
    alone, without validation. group_lrs: the learning rate of each parameter group, which metrics.csv leaves out.
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    images_per_second: float
    seconds: float
    group_lrs: Mapping[str, float] = field(default_factory=dict)


class Observer:
    """Is called at the events of a training, and must not change the training. By default each method does nothing."""

    def training_started(self, state: "TrainingState") -> None:
        """Called before the first step; when a training is resumed, before its next step."""

    def step_ended(self, state: "TrainingState") -> None:
        """Called after each step. Must not wait for the device."""

    def validated(self, state: "TrainingState", evaluation: "Evaluation") -> None:
        """Called after the validation of an epoch, before `epoch_ended`."""

    def epoch_ended(self, state: "TrainingState", report: EpochReport) -> None:
        """Called after each epoch and its validation."""

    def training_stopped(self, state: "TrainingState") -> None:
        """Called once if a signal stops the training, after a step or an epoch."""

    def close(self) -> None:
        """Called once at the very end, however the training ended."""

"""What a training tells those who watch it. Knows no watcher."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cifar_cli.training.evaluation import Evaluation
    from cifar_cli.training.state import TrainingState


@dataclass(frozen=True)
class EpochReport:
    """One epoch's result: a row of metrics.csv.

    Accuracies in [0, 1]. Training figures are sums over the epoch's own batches, taken while the weights moved;
    validation figures are those of the weights at the epoch's end, None where nothing is held out. seconds: training
    alone, without validation.
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


class Observer:
    """Hears of a training and never steers it. Each method does nothing until a watcher overrides it."""

    def training_started(self, state: "TrainingState") -> None:
        """Called before the first step, of a resumed training too."""

    def step_ended(self, state: "TrainingState") -> None:
        """Called after each step. Must not wait for the device."""

    def validated(self, state: "TrainingState", evaluation: "Evaluation") -> None:
        """Called when the network has been measured on the validation images, before `epoch_ended`."""

    def epoch_ended(self, state: "TrainingState", report: EpochReport) -> None:
        """Called after each epoch and its validation."""

    def training_stopped(self, state: "TrainingState") -> None:
        """Called once if a signal stops the training between two steps."""

    def close(self) -> None:
        """Called once at the very end, however it ended."""

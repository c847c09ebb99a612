"""The whole state of a training: everything that the next step depends on, and nothing else.

A checkpoint holds a TrainingState. So a resumed training equals, bit for bit, a training that was never interrupted.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cifar_cli.data.hard_examples import HardExamples
from cifar_cli.optim.averages import Average, NoAverage
from cifar_cli.optim.schedules.build_schedule import Scheduler, set_lrs


@dataclass
class Progress:
    """The progress of a training: `step` counts optimizer steps, `epoch` completed epochs."""

    epoch: int = 0
    step: int = 0
    best_epoch: int | None = None
    best_val_accuracy: float = -1.0

    def is_over(self, *, epochs: int, patience: int | None = None) -> bool:
        """Returns whether all epochs are trained, or training ends early."""
        return self.epoch >= epochs or self.has_run_out_of(patience)

    def stopped_early(self, *, epochs: int, patience: int | None) -> bool:
        """Returns whether training ended before its last epoch."""
        return self.epoch < epochs and self.has_run_out_of(patience)

    def has_run_out_of(self, patience: int | None) -> bool:
        """Returns whether the best validation accuracy is `patience` epochs old; None: never.

        Before there is a best epoch the answer is no, so that a training whose best.pt was lost looks for a new one.
        """
        return patience is not None and self.best_epoch is not None and self.epoch - self.best_epoch >= patience


@dataclass
class EpochTotals:
    """Running sums over the batches of the epoch in progress.

    loss and correct: float64 and int64 scalars that stay on the device until their values are needed.
    """

    loss: Tensor
    correct: Tensor
    images: int = 0
    batches: int = 0
    seconds: float = 0.0

    @classmethod
    def zero(cls, device: torch.device) -> "EpochTotals":
        """Returns the totals before the first batch of an epoch."""
        # MPS has no float64.
        loss_dtype = torch.float32 if device.type == "mps" else torch.float64
        return cls(
            loss=torch.zeros((), dtype=loss_dtype, device=device),
            correct=torch.zeros((), dtype=torch.int64, device=device),
        )

    def add(self, *, loss: Tensor, logits: Tensor, labels: Tensor, seconds: float) -> None:
        """Adds a batch: mean loss (), logits (B, K) and labels (B,). seconds: the epoch's training time so far."""
        self.loss += loss * len(labels)
        self.correct += (logits.argmax(dim=1) == labels).sum()
        self.images += len(labels)
        self.batches += 1
        self.seconds = seconds

    def to(self, device: torch.device) -> "EpochTotals":
        """Returns the same totals with their tensors on `device`."""
        return replace(self, loss=self.loss.to(device), correct=self.correct.to(device))

    def mean_loss(self) -> float:
        """Returns the mean loss per image so far. Waits for the device."""
        return self.loss.item() / max(self.images, 1)

    def accuracy(self) -> float:
        """Returns the fraction of images classified correctly so far, in [0, 1]. Waits for the device."""
        return self.correct.item() / max(self.images, 1)


@dataclass
class TrainingState:
    """Everything the next step depends on."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: Scheduler
    scaler: torch.amp.GradScaler
    augment_generator: torch.Generator
    totals: EpochTotals
    progress: Progress = field(default_factory=Progress)
    average: Average = field(default_factory=NoAverage)
    hard_examples: HardExamples | None = None

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values only, so that reading a file of them runs no code.

        `model` holds the weights that the network is evaluated with: the averaged weights where there are any.
        """
        weights = self.model.state_dict()
        weights.update(self.average.averaged_weights())
        return {
            "model": weights,
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": {"augment": self.augment_generator.get_state(), **_global_random_state()},
            "hard_examples": self.hard_examples.state_dict() if self.hard_examples else {},
            "totals": vars(self.totals).copy(),
            "progress": vars(self.progress).copy(),
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Restores everything from the result of `state_dict`."""
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved.get("average", {}))  # old checkpoints have no averages
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scheduler.load_state_dict(saved["scheduler"])
        set_lrs(self.scheduler)
        if saved["scaler"]:  # empty for a device or precision that needs no scaler
            self.scaler.load_state_dict(saved["scaler"])
        self.augment_generator.set_state(saved["random"]["augment"])
        _restore_global_random_state(saved["random"])
        if self.hard_examples:
            self.hard_examples.load_state_dict(saved["hard_examples"])
        self.totals = EpochTotals(**saved["totals"]).to(self.totals.loss.device)
        self.progress = Progress(**saved["progress"])


def _global_random_state() -> dict[str, Any]:
    """Returns the states of torch's global generators, which dropout draws from, and of Python's and NumPy's.

    A person's own network may draw from the latter two.
    """
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    version, numbers, gauss = random.getstate()
    name, keys, *position = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "python": [version, torch.tensor(numbers), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *position],
    }


def _restore_global_random_state(saved: Mapping[str, Any]) -> None:
    torch.set_rng_state(saved["torch"])
    if saved["cuda"] and torch.cuda.device_count() == len(saved["cuda"]):
        torch.cuda.set_rng_state_all(saved["cuda"])
    if "python" in saved:  # old checkpoints have neither
        version, numbers, gauss = saved["python"]
        random.setstate((version, tuple(numbers.tolist()), gauss))
        name, keys, *position = saved["numpy"]
        np.random.set_state((name, keys.numpy().astype(np.uint32), *position))

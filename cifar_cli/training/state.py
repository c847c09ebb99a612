"""All there is to save of a training. Knows nothing of files.

What is in a TrainingState is in the checkpoint; what is not cannot matter to the next step. That is what makes a
resumed training the same, bit for bit, as one that was never interrupted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from cifar_cli.data.hard_examples import HardExamples
from cifar_cli.optim.averages import Average, NoAverage
from cifar_cli.optim.schedules import set_rates


@dataclass
class Progress:
    """How far the training is. `step` counts optimiser steps, `epoch` completed epochs."""

    epoch: int = 0
    step: int = 0
    best_epoch: int | None = None
    best_val_accuracy: float = -1.0


@dataclass
class EpochTotals:
    """Running sums over the batches of the epoch in progress; they stay on the device until someone looks.

    loss and correct: float64 and int64 scalars; images and seconds: plain numbers.
    """

    loss: Tensor
    correct: Tensor
    images: int = 0
    batches: int = 0
    seconds: float = 0.0

    @classmethod
    def zero(cls, device: torch.device) -> "EpochTotals":
        """Returns the totals of an epoch that has not begun."""
        # MPS has no float64.
        loss_dtype = torch.float32 if device.type == "mps" else torch.float64
        return cls(
            loss=torch.zeros((), dtype=loss_dtype, device=device),
            correct=torch.zeros((), dtype=torch.int64, device=device),
        )

    def add(self, *, loss: Tensor, logits: Tensor, labels: Tensor, seconds: float) -> None:
        """Adds a batch: its mean loss, logits (B, K), labels (B,); `seconds` is the epoch's training time so far."""
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
        """Returns the share of images classified rightly so far, in [0, 1]. Waits for the device."""
        return self.correct.item() / max(self.images, 1)


@dataclass
class TrainingState:
    """Everything the next step depends on."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: LambdaLR
    scaler: torch.amp.GradScaler
    augment_generator: torch.Generator
    totals: EpochTotals
    progress: Progress = field(default_factory=Progress)
    average: Average = field(default_factory=NoAverage)
    hard_examples: HardExamples | None = None

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values only, so that a file of it can be read without running code.

        Under `model` are the weights that the network is judged by, so that whoever reads them has the right ones.
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
        """Puts everything back as `state_dict` found it."""
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved.get("average", {}))  # a run from before there were any has none
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scheduler.load_state_dict(saved["scheduler"])
        set_rates(self.scheduler)
        if saved["scaler"]:  # of a device or precision that needs none it is empty
            self.scaler.load_state_dict(saved["scaler"])
        self.augment_generator.set_state(saved["random"]["augment"])
        _restore_global_random_state(saved["random"])
        if self.hard_examples:
            self.hard_examples.load_state_dict(saved["hard_examples"])
        self.totals = EpochTotals(**saved["totals"]).to(self.totals.loss.device)
        self.progress = Progress(**saved["progress"])


def _global_random_state() -> dict[str, Any]:
    """Returns what dropout draws from: torch's own generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"torch": torch.get_rng_state(), "cuda": cuda}


def _restore_global_random_state(saved: Mapping[str, Any]) -> None:
    torch.set_rng_state(saved["torch"])
    if saved["cuda"] and torch.cuda.device_count() == len(saved["cuda"]):
        torch.cuda.set_rng_state_all(saved["cuda"])

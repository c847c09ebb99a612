"""Times the parts of a training step, by marking the moments at which a part ends.

The marks are made from outside the loop: around its augmentation and loss, in torch's hooks of the loss and of the
optimizer, and in the last observer. The parts are

    data       indices, gathering the batch, augmentation, conversion to float
    forward    the network and the loss
    backward   the gradients (and their clipping)
    optimizer  zeroing the gradients, and the update
    logging    the schedule's step, averages of the weights, running sums, observers
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.optim.losses import Loss
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import Task, train_epoch
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import TrainingState

PARTS = ("data", "forward", "backward", "optimizer", "logging")
REST = "rest"


@dataclass
class Stopwatch:
    """Records the end of each part; the time between two marks belongs to the part that the second mark ends.

    On CUDA the marks are events in the device's queue instead of readings of the clock, so that the loop does not wait
    for the device.
    """

    device: torch.device
    clock: Callable[[], float] = time.perf_counter
    _marks: list[tuple[str, float | torch.cuda.Event]] = field(default_factory=list)

    def mark(self, part: str) -> None:
        """Records that a part has just ended; the first mark starts the clock."""
        self._marks.append((part, self._now()))

    def seconds(self) -> dict[str, float]:
        """Returns the seconds of each part. The device must have reached the last mark."""
        totals: dict[str, float] = {}
        for (_, before), (part, after) in zip(self._marks, self._marks[1:], strict=False):
            totals[part] = totals.get(part, 0.0) + _between(before, after)
        return totals

    def _now(self) -> float | torch.cuda.Event:
        if self.device.type != "cuda":
            return self.clock()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


class _LastObserver(Observer):
    """Marks the end of the logging, after all other observers."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch

    def step_ended(self, state: TrainingState) -> None:
        self._stopwatch.mark("logging")


class _TimedLoss:
    """Marks the end of the forward pass, and of what comes before the backward pass."""

    def __init__(self, loss: Loss, stopwatch: Stopwatch) -> None:
        self._loss = loss
        self._stopwatch = stopwatch
        self.total_weight = loss.total_weight

    def __call__(self, logits: Tensor, targets: Tensor, /, *, reduction: str = "mean") -> Tensor:
        loss = self._loss(logits, targets, reduction=reduction)
        self._stopwatch.mark("forward")
        # The hook runs first in the backward pass; before it, the optimizer zeroes the gradients.
        loss.register_hook(lambda gradient: self._stopwatch.mark("optimizer"))
        return loss


def train_epoch_with_stopwatch(
    state: TrainingState, task: Task, *, runtime: Runtime, observers: Sequence[Observer], stopwatch: Stopwatch
) -> None:
    """Trains the rest of the epoch as `train_epoch` does, and marks the end of each part on the stopwatch."""

    passes = 0  # through the network, in the step in progress

    def transform(batch: Batch, generator: Generator) -> Batch:
        nonlocal passes
        passes = 0
        transformed = task.transform(batch, generator)
        stopwatch.mark("data")
        return transformed

    def forward(images: Tensor) -> Tensor:
        nonlocal passes
        passes += 1
        if passes > 1:  # a step with several passes: the one before ends here
            stopwatch.mark("backward")
        return task.forward(images)

    with ExitStack() as hooks:
        before = state.optimizer.register_step_pre_hook(lambda *_: stopwatch.mark("backward"))
        hooks.callback(before.remove)
        after = state.optimizer.register_step_post_hook(lambda *_: stopwatch.mark("optimizer"))
        hooks.callback(after.remove)
        stopwatch.mark("start")
        train_epoch(
            state,
            replace(
                task, transform=transform, forward=forward, loss=_TimedLoss(task.loss, stopwatch), graph_cache=None
            ),
            runtime=runtime,
            observers=[*observers, _LastObserver(stopwatch)],
            shutdown=ShutdownRequest(),
        )
    stopwatch.mark(REST)


def _between(before: float | torch.cuda.Event, after: float | torch.cuda.Event) -> float:
    if isinstance(before, float) or isinstance(after, float):
        assert isinstance(before, float)
        assert isinstance(after, float)
        return after - before
    milliseconds: float = before.elapsed_time(after)
    return milliseconds / 1000

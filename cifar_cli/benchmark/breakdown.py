"""Finds out what the time of a training step goes to, by marking the moments at which one part ends.

Watches the ordinary loop from outside: around its augmentation and loss, by torch's hooks on the loss and the
optimiser, and as its last observer. So a step is cut into

    data       indices, gathering the batch, augmentation, conversion to float
    forward    the network and the loss
    backward   the gradients (and their clipping)
    optimizer  emptying the gradients, and the update
    logging    the schedule's step, averages of the weights, running sums, whoever observes
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import Task, train_epoch
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import TrainingState

PARTS = ("data", "forward", "backward", "optimizer", "logging")
REST = "rest"


@dataclass
class Stopwatch:
    """Notes when each part ends; what lies between two marks belongs to the part that ended.

    On CUDA the marks are events in the device's own queue, so that nobody has to wait for them before the end.
    """

    device: torch.device
    _marks: list[tuple[str, float | torch.cuda.Event]] = field(default_factory=list)

    def mark(self, part: str) -> None:
        """Says that a part has just ended; the first mark only starts the clock."""
        self._marks.append((part, self._now()))

    def seconds(self) -> dict[str, float]:
        """Returns the seconds of each part. The device must have reached the last mark."""
        totals: dict[str, float] = {}
        for (_, before), (part, after) in zip(self._marks, self._marks[1:], strict=False):
            totals[part] = totals.get(part, 0.0) + _between(before, after)
        return totals

    def _now(self) -> float | torch.cuda.Event:
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


class _LastObserver(Observer):
    """Marks the end of the logging: it comes after all that log."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def step_ended(self, state: TrainingState) -> None:
        self._watch.mark("logging")


def train_epoch_watched(
    state: TrainingState, task: Task, *, runtime: Runtime, observers: Sequence[Observer], watch: Stopwatch
) -> None:
    """Takes the steps that are left of the epoch, as `train_epoch` does, and marks on `watch` what each part took."""

    def transform(batch: Batch, generator: Generator) -> Batch:
        transformed = task.transform(batch, generator)
        watch.mark("data")
        return transformed

    def loss_fn(logits: Tensor, labels: Tensor, *, reduction: str = "mean") -> Tensor:
        loss = task.loss(logits, labels, reduction=reduction)
        watch.mark("forward")
        # Called as the first thing of the backward pass; until then the optimiser empties the gradients.
        loss.register_hook(lambda gradient: watch.mark("optimizer"))
        return loss

    with ExitStack() as hooks:
        before = state.optimizer.register_step_pre_hook(lambda *_: watch.mark("backward"))
        hooks.callback(before.remove)
        after = state.optimizer.register_step_post_hook(lambda *_: watch.mark("optimizer"))
        hooks.callback(after.remove)
        watch.mark("start")
        train_epoch(
            state,
            replace(task, transform=transform, loss=loss_fn, graph_cache=None),
            runtime=runtime,
            observers=[*observers, _LastObserver(watch)],
            stop=ShutdownRequest(),
        )
    watch.mark(REST)


def _between(before: float | torch.cuda.Event, after: float | torch.cuda.Event) -> float:
    if isinstance(before, float) or isinstance(after, float):
        assert isinstance(before, float)
        assert isinstance(after, float)
        return after - before
    milliseconds: float = before.elapsed_time(after)
    return milliseconds / 1000

"""The training loops as timed loops: each starts every round from the same weights.

`timed_training` runs the loop of `cifar train`; bare_loop.py and tutorial_loop.py have the other loops.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from cifar_cli.benchmark.bare_loop import bare_loop
from cifar_cli.benchmark.breakdown import Stopwatch, train_epoch_with_stopwatch
from cifar_cli.benchmark.rounds import TimedLoop
from cifar_cli.benchmark.tutorial_loop import tutorial_loop
from cifar_cli.data.image_set import ImageSet
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import Task, train_epoch
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import Runtime, synchronize
from cifar_cli.training.state import TrainingState


class StateSnapshot:
    """A copy of a training's state, which can be restored repeatedly."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._saved: dict[str, Any] = copy.deepcopy(state.state_dict())

    def restore(self) -> None:
        """Restores the state of the training, with its random number generators."""
        self._state.load_state_dict(copy.deepcopy(self._saved))


def timed_training(
    state: TrainingState, task: Task, *, runtime: Runtime, observers: Sequence[Observer], snapshot: StateSnapshot
) -> TimedLoop:
    """Returns the loop of `cifar train` with its observers.

    With CUDA graphs, a round starts after the capture.
    """

    def run(steps: int) -> None:
        _skip_to_last(steps, state, task)
        train_epoch(state, task, runtime=runtime, observers=observers, shutdown=ShutdownRequest())

    def reset() -> None:
        snapshot.restore()
        if task.graph_cache:
            run(1)

    return TimedLoop(reset, run)


def timed_training_with_stopwatch(
    state: TrainingState,
    task: Task,
    *,
    runtime: Runtime,
    observers: Sequence[Observer],
    snapshot: StateSnapshot,
    seconds: list[dict[str, float]],
) -> TimedLoop:
    """Returns the same loop with a stopwatch, which appends the seconds per step of each part to `seconds`."""

    def run(steps: int) -> None:
        _skip_to_last(steps, state, task)
        stopwatch = Stopwatch(runtime.device)
        train_epoch_with_stopwatch(state, task, runtime=runtime, observers=observers, stopwatch=stopwatch)
        synchronize(runtime.device)
        seconds.append({part: total / steps for part, total in stopwatch.seconds().items()})

    return TimedLoop(snapshot.restore, run)


def timed_bare_loop(
    state: TrainingState, task: Task, *, images: ImageSet, batch_size: int, runtime: Runtime, snapshot: StateSnapshot
) -> TimedLoop:
    """Returns the bare loop with the same tensors, network, precision and optimizer. images: on the device."""

    def run(steps: int) -> None:
        state.model.train()
        bare_loop(
            images.images,
            images.labels,
            order=torch.randperm(len(images)).to(runtime.device),
            batch_size=batch_size,
            steps=steps,
            transform=task.transform,
            epoch=state.progress.epoch,
            generator=state.augment_generator,
            forward=task.forward,
            loss_fn=task.loss,
            optimizer=state.optimizer,
            scheduler=state.scheduler,
            scaler=state.scaler,
            autocast=runtime.autocast,
            average=state.average.step_ended,
        )

    return TimedLoop(snapshot.restore, run)


def timed_tutorial_loop(
    state: TrainingState,
    task: Task,
    *,
    dataloader: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    snapshot: StateSnapshot,
) -> TimedLoop:
    """Returns the loop of the tutorials, with a DataLoader of single images."""

    def run(steps: int) -> None:
        tutorial_loop(
            dataloader,
            model=state.model,
            loss_fn=task.loss,
            optimizer=state.optimizer,
            scheduler=state.scheduler,
            device=device,
            steps=steps,
        )

    return TimedLoop(snapshot.restore, run)


def _skip_to_last(steps: int, state: TrainingState, task: Task) -> None:
    """Sets the position in the epoch so that the loop, as in a resumed training, has `steps` steps left."""
    state.totals.batches = len(task.loader) - steps

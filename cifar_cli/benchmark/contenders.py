"""The loops that are timed against each other, each begun again from the same weights in every round.

Ours is the one that `cifar train` runs, unchanged; the others are references written out in files of their own.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from cifar_cli.benchmark.bare_loop import bare_loop
from cifar_cli.benchmark.breakdown import Stopwatch, train_epoch_watched
from cifar_cli.benchmark.rounds import Contender
from cifar_cli.benchmark.tutorial_loop import tutorial_loop
from cifar_cli.data.image_set import ImageSet
from cifar_cli.kernels.cuda_graphs import EAGER_STEPS
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import Task, train_epoch
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import Runtime, synchronize
from cifar_cli.training.state import TrainingState


class StartingPoint:
    """The beginning of a training, to go back to as often as one likes."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._saved: dict[str, Any] = copy.deepcopy(state.state_dict())

    def restore(self) -> None:
        """Puts the training back to where it was, its random numbers included."""
        self._state.load_state_dict(copy.deepcopy(self._saved))


def our_loop(
    state: TrainingState, task: Task, *, runtime: Runtime, observers: Sequence[Observer], start: StartingPoint
) -> Contender:
    """Returns `cifar train`'s own loop, with all that observes it.

    Where steps are recorded, a round begins after those that come before a recording, and the recording itself.
    """

    def run(steps: int) -> None:
        _skip_to_last(steps, state, task)
        train_epoch(state, task, runtime=runtime, observers=observers, stop=ShutdownRequest())

    def reset() -> None:
        start.restore()
        if task.graph_cache:
            run(EAGER_STEPS + 1)

    return Contender(reset, run)


def our_loop_watched(
    state: TrainingState,
    task: Task,
    *,
    runtime: Runtime,
    observers: Sequence[Observer],
    start: StartingPoint,
    seconds: list[dict[str, float]],
) -> Contender:
    """Returns the same loop with a stopwatch at its parts, which adds to `seconds` those of each part, per step."""

    def run(steps: int) -> None:
        _skip_to_last(steps, state, task)
        watch = Stopwatch(runtime.device)
        train_epoch_watched(state, task, runtime=runtime, observers=observers, watch=watch)
        synchronize(runtime.device)
        seconds.append({part: total / steps for part, total in watch.seconds().items()})

    return Contender(start.restore, run)


def by_hand(
    state: TrainingState, task: Task, *, images: ImageSet, batch_size: int, runtime: Runtime, start: StartingPoint
) -> Contender:
    """Returns the bare loop on the same tensors, network, precision and optimiser. images: on the device."""

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

    return Contender(start.restore, run)


def from_tutorials(
    state: TrainingState,
    task: Task,
    *,
    dataloader: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    start: StartingPoint,
) -> Contender:
    """Returns the tutorials' loop over its own DataLoader."""

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

    return Contender(start.restore, run)


def _skip_to_last(steps: int, state: TrainingState, task: Task) -> None:
    """Has the loop take so many steps: one that is resumed within an epoch takes those that are left of it."""
    state.totals.batches = len(task.loader) - steps

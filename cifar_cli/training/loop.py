"""The training loop: epochs of steps, each followed by validation and a report to the observers."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from torch import Tensor

from cifar_cli.data.loader import BatchLoader
from cifar_cli.data.transforms.augmentation import Transform
from cifar_cli.errors import DivergedError, StoppedError
from cifar_cli.kernels.cuda_graphs import GraphCache, Step
from cifar_cli.optim.averages import evaluation_weights
from cifar_cli.optim.build_optimizer import freeze_finished_groups
from cifar_cli.optim.losses import Loss
from cifar_cli.optim.reported_lr import configured_lr
from cifar_cli.optim.schedules.build_schedule import last_group_lrs, last_lr
from cifar_cli.optim.sharpness import Sharpness
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import EpochTotals, TrainingState
from cifar_cli.training.train_step import train_step

STEPS_BETWEEN_LOSS_CHECKS = 50  # often enough to waste little of a diverged run, too seldom to slow the device


@dataclass(frozen=True)
class Task:
    """Everything that a training needs and does not change: data, network call, loss, length.

    loader: yields batches of uint8 images, epoch by epoch. transform: augments a batch and turns its images into the
    network's input. forward: calls the network, which may be compiled or sharded over processes. validate: evaluates
    the current network; None without validation images. patience: the epochs without a better validation accuracy after
    which training ends early; None for never. graph_cache: replays steps as CUDA graphs. micro_batch_size: the images
    of a step that are computed at a time; None for the whole batch. no_sync: a context in which backward passes leave
    the gradients in their process. sharpness: has each step take a second pass, at the worst weights near by.
    """

    loader: BatchLoader
    transform: Transform
    forward: Callable[[Tensor], Tensor]
    loss: Loss
    validate: Callable[[], Evaluation] | None
    epochs: int
    patience: int | None = None
    graph_cache: GraphCache | None = None
    micro_batch_size: int | None = None
    no_sync: Callable[[], AbstractContextManager[None]] = nullcontext
    sharpness: Sharpness | None = None

    @property
    def epoch_steps(self) -> list[int]:
        """The number of steps of each epoch."""
        return [self.loader.batches_in(epoch) for epoch in range(self.epochs)]

    @property
    def compile_seconds(self) -> float:
        """The time so far of what is no training: choosing, compiling and capturing kernels."""
        return self.graph_cache.compile_seconds if self.graph_cache else 0.0


def fit(
    state: TrainingState,
    task: Task,
    *,
    runtime: Runtime,
    observers: Sequence[Observer] = (),
    shutdown: ShutdownRequest | None = None,
) -> None:
    """Trains from the progress of `state` until `task.epochs` epochs are complete, or `task.patience` is at its end.

    Raises DivergedError if the loss is no longer finite, and StoppedError, after calling the observers, if a signal
    asked for a shutdown.
    """
    shutdown = shutdown or ShutdownRequest()
    for observer in observers:
        observer.training_started(state)
    while not state.progress.is_over(epochs=task.epochs, patience=task.patience):
        if task.forward is state.model:  # a compiled or sharded network needs all gradients that it was built for
            freeze_finished_groups(state.optimizer, epoch=state.progress.epoch)
        train_epoch(state, task, runtime=runtime, observers=observers, shutdown=shutdown)
        report = _close_epoch(state, task.validate, observers)
        for observer in observers:
            observer.epoch_ended(state, report)
        if signal_number := shutdown.agreed():  # during validation
            _stop(state, observers, signal_number)


def train_epoch(
    state: TrainingState, task: Task, *, runtime: Runtime, observers: Sequence[Observer], shutdown: ShutdownRequest
) -> None:
    """Takes the remaining steps of the epoch in progress."""
    state.model.train()
    totals = state.totals
    task.loader.set_epoch(state.progress.epoch, first_batch=totals.batches)
    step: Step = partial(train_step, state, task, runtime)
    if task.graph_cache:
        step = partial(task.graph_cache.take, step)
    started = time.perf_counter() - totals.seconds - task.compile_seconds
    for batch in task.loader:
        batch = task.transform(batch.to(runtime.device), state.augment_generator)
        loss, logits = step(batch.images, batch.targets)
        state.scheduler.step()
        state.progress.step += 1
        state.average.step_ended(state.progress.step)

        seconds = time.perf_counter() - started - task.compile_seconds
        totals.add(loss=loss, logits=logits, labels=batch.labels, seconds=seconds)
        if state.hard_examples:
            losses = task.loss(logits.float(), batch.targets, reduction="none")  # (B,)
            state.hard_examples.update_losses(batch.indices, losses)
        if totals.batches % STEPS_BETWEEN_LOSS_CHECKS == 0:
            _check_loss(state)
        for observer in observers:
            observer.step_ended(state)
        if signal_number := shutdown.agreed():
            _stop(state, observers, signal_number)
    _check_loss(state)
    totals.seconds = time.perf_counter() - started - task.compile_seconds  # again: _check_loss waited for the device


def _close_epoch(
    state: TrainingState, validate: Callable[[], Evaluation] | None, observers: Sequence[Observer]
) -> EpochReport:
    """Validates, counts the epoch as complete, and resets the totals; returns the epoch's report."""
    totals, progress = state.totals, state.progress
    with evaluation_weights(state.model, state.average):
        val = validate() if validate else None
    if val is not None:
        check_finite(val.loss, state)
        for observer in observers:
            observer.validated(state, val)
    progress.epoch += 1
    if val is not None and val.accuracy > progress.best_val_accuracy:
        progress.best_epoch, progress.best_val_accuracy = progress.epoch, val.accuracy
    state.totals = EpochTotals.zero(totals.loss.device)
    report = EpochReport(
        epoch=progress.epoch,
        step=progress.step,
        lr=last_lr(state.scheduler),
        train_loss=totals.mean_loss(),
        train_accuracy=totals.accuracy(),
        val_loss=val.loss if val else None,
        val_accuracy=val.accuracy if val else None,
        images_per_second=totals.images / totals.seconds,
        seconds=totals.seconds,
        group_lrs=last_group_lrs(state.scheduler),
    )
    if val is not None:  # after the report, whose lr is that of the step before
        state.scheduler.epoch_ended(val_loss=val.loss, val_accuracy=val.accuracy)
    return report


def _check_loss(state: TrainingState) -> None:
    """Raises DivergedError if any loss of the epoch so far was not finite: then their sum is not finite."""
    check_finite(state.totals.loss.item(), state)


def check_finite(loss: float, state: TrainingState) -> None:
    """Raises DivergedError, with advice, unless the loss is finite."""
    if not math.isfinite(loss):
        epoch, step = state.progress.epoch, state.progress.step
        where = f"epoch {epoch + 1}, before step {step + 1}" if state.totals.batches else f"after epoch {epoch}"
        lr = configured_lr(state.scheduler)
        raise DivergedError(
            f"{where}: expected a finite loss, found {loss} with {lr.key}={lr.value:g}; the training diverged. "
            f"Try {lr.key}={lr.smaller}, and a tenth of that if it diverges again; "
            f"train.clip_grad_norm=1 or a longer warm-up help where only the first steps are too large"
        )


def _stop(state: TrainingState, observers: Sequence[Observer], signal_number: int) -> NoReturn:
    """Calls the observers and raises StoppedError."""
    with ExitStack() as stack:  # all of them, also after one of them failed: the last one saves
        for observer in reversed(observers):
            stack.callback(observer.training_stopped, state)
    epoch, step = state.progress.epoch, state.progress.step
    where = f"in epoch {epoch + 1}, after step {step}" if state.totals.batches else f"after epoch {epoch}"
    raise StoppedError(f"stopped {where}", signal_number=signal_number)

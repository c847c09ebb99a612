"""The training loop. Knows no optimiser, schedule, observer or data by name."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from cifar_cli.data.loader import BatchLoader
from cifar_cli.data.transforms.table import Transform
from cifar_cli.errors import DivergedError, StoppedError
from cifar_cli.kernels.cuda_graphs import GraphCache, Step
from cifar_cli.optim.averages import evaluation_weights
from cifar_cli.optim.build_optimizer import freeze_finished_groups
from cifar_cli.optim.losses import Loss
from cifar_cli.optim.reported_lr import configured_lr
from cifar_cli.optim.schedules import last_rate
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import EpochTotals, TrainingState

STEPS_BETWEEN_LOSS_CHECKS = 50  # often enough to waste little of a diverged run, too seldom to slow the device


@dataclass(frozen=True)
class Task:
    """What is trained on and towards.

    loader: gives batches of uint8 images, epoch by epoch. transform: augments a batch and makes of its images what the
    network takes. forward: the network as it is to be called: compiled or not, in one process or sharded. validate:
    evaluates the network as it stands; None where no images are held out. graph_cache: replays steps as CUDA graphs.
    """

    loader: BatchLoader
    transform: Transform
    forward: Callable[[Tensor], Tensor]
    loss: Loss
    validate: Callable[[], Evaluation] | None
    epochs: int
    graph_cache: GraphCache | None = None

    @property
    def epoch_steps(self) -> list[int]:
        """How many steps each epoch takes."""
        return [self.loader.batches_in(epoch) for epoch in range(self.epochs)]


def fit(
    state: TrainingState,
    task: Task,
    *,
    runtime: Runtime,
    observers: Sequence[Observer] = (),
    stop: ShutdownRequest | None = None,
) -> None:
    """Trains until `task.epochs` epochs are complete, from wherever `state` is.

    Raises DivergedError when the loss is no longer finite, and StoppedError, after the observers were told, when a
    signal asked for an end.
    """
    stop = stop or ShutdownRequest()
    for observer in observers:
        observer.training_started(state)
    while state.progress.epoch < task.epochs:
        if task.forward is state.model:  # compiled, or spread over processes, it stays what it was made from
            freeze_finished_groups(state.optimizer, epoch=state.progress.epoch)
        train_epoch(state, task, runtime=runtime, observers=observers, stop=stop)
        report = _close_epoch(state, task.validate, observers)
        for observer in observers:
            observer.epoch_ended(state, report)
        if signal_number := stop.agreed():  # it came while the network was validated
            _stop(state, observers, signal_number)


def train_epoch(
    state: TrainingState, task: Task, *, runtime: Runtime, observers: Sequence[Observer], stop: ShutdownRequest
) -> None:
    """Takes the steps that are left of the epoch in progress."""
    state.model.train()
    totals = state.totals
    task.loader.set_epoch(state.progress.epoch, first_batch=totals.batches)
    step: Step = partial(_take_step, state, task, runtime)
    if task.graph_cache:
        step = partial(task.graph_cache.take, step)
    started = time.perf_counter() - totals.seconds
    for batch in task.loader:
        batch = task.transform(batch.to(runtime.device), state.augment_generator)
        loss, logits = step(batch.images, batch.targets)
        state.scheduler.step()

        if state.hard_examples:
            losses = task.loss(logits.float(), batch.targets, reduction="none")  # (B,)
            state.hard_examples.update_losses(batch.indices, losses)
        totals.add(loss=loss, logits=logits, labels=batch.labels, seconds=time.perf_counter() - started)
        state.progress.step += 1
        state.average.step_ended(state.progress.step)
        if totals.batches % STEPS_BETWEEN_LOSS_CHECKS == 0:
            _check_loss(state)
        for observer in observers:
            observer.step_ended(state)
        if signal_number := stop.agreed():
            _stop(state, observers, signal_number)
    _check_loss(state)
    totals.seconds = time.perf_counter() - started  # once more, now that the device has been waited for


def _take_step(
    state: TrainingState, task: Task, runtime: Runtime, images: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Moves the weights once, by a batch as the network takes it; returns its mean loss () and logits (B, K)."""
    with runtime.autocast():
        logits = task.forward(images)
        loss = task.loss(logits, targets)
    state.optimizer.zero_grad()
    state.scaler.scale(loss).backward()
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return loss.detach(), logits.detach()


def _close_epoch(
    state: TrainingState, validate: Callable[[], Evaluation] | None, observers: Sequence[Observer]
) -> EpochReport:
    """Validates, counts the epoch as done, and begins the next one's totals."""
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
    return EpochReport(
        epoch=progress.epoch,
        step=progress.step,
        lr=last_rate(state.scheduler),
        train_loss=totals.mean_loss(),
        train_accuracy=totals.accuracy(),
        val_loss=val.loss if val else None,
        val_accuracy=val.accuracy if val else None,
        images_per_second=totals.images / totals.seconds,
        seconds=totals.seconds,
    )


def _check_loss(state: TrainingState) -> None:
    """Raises DivergedError if any loss of the epoch so far was not finite: a sum never recovers from one."""
    check_finite(state.totals.loss.item(), state)


def check_finite(loss: float, state: TrainingState) -> None:
    """Raises DivergedError, with advice, where the loss is no number any more."""
    if not math.isfinite(loss):
        epoch, step = state.progress.epoch, state.progress.step
        where = f"epoch {epoch + 1}, before step {step + 1}" if state.totals.batches else f"after epoch {epoch}"
        key, lr = configured_lr(state.scheduler)
        raise DivergedError(
            f"{where}: expected a finite loss, found {loss} with {key}={lr:g}; the training diverged. "
            f"Try {key}={float(f'{lr / 10:.1g}'):g}, and a tenth of that if it diverges again; "
            f"train.clip_grad_norm=1 or a longer warm-up help where only the first steps are too large"
        )


def _stop(state: TrainingState, observers: Sequence[Observer], signal_number: int) -> None:
    for observer in observers:
        observer.training_stopped(state)
    epoch, step = state.progress.epoch, state.progress.step
    where = f"in epoch {epoch + 1}, after step {step}" if state.totals.batches else f"after epoch {epoch}"
    raise StoppedError(f"stopped {where}", signal_number=signal_number)

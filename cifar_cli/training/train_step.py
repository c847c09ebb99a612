"""One step of a training: the gradients of a batch, then the update of the weights."""

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cifar_cli.optim.sharpness import sharpest_weights
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import TrainingState

if TYPE_CHECKING:
    from cifar_cli.training.loop import Task


def train_step(
    state: TrainingState, task: "Task", runtime: Runtime, images: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Updates the weights by one batch of inputs and targets; returns the mean loss () and logits (B, K)."""
    loss, logits = backward(state, task, runtime, images, targets)
    if task.sharpness:
        with sharpest_weights(state.model, state.optimizer, task.sharpness):
            backward(state, task, runtime, images, targets)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return loss, logits


def backward(
    state: TrainingState, task: "Task", runtime: Runtime, images: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Computes the gradients of a batch's mean loss; returns that loss () and the logits (B, K)."""
    if task.micro_batch_size and len(images) > task.micro_batch_size:
        return backward_in_parts(state, task, runtime, images, targets, micro_batch_size=task.micro_batch_size)
    with runtime.autocast():
        logits = task.forward(images)
        loss = task.loss(logits, targets)
    state.optimizer.zero_grad()
    state.scaler.scale(loss).backward()
    return loss.detach(), logits.detach()


def backward_in_parts(
    state: TrainingState, task: "Task", runtime: Runtime, images: Tensor, targets: Tensor, *, micro_batch_size: int
) -> tuple[Tensor, Tensor]:
    """Does the same with at most `micro_batch_size` images in memory at a time: the gradients of the parts add up.

    The parts differ in size by at most one image. Each part's loss is its share of the batch's mean.
    """
    parts = -(-len(images) // micro_batch_size)
    total_weight = task.loss.total_weight(targets)
    losses, logits = [], []
    state.optimizer.zero_grad()
    for part, (inputs, answers) in enumerate(
        zip(images.tensor_split(parts), targets.tensor_split(parts), strict=True), start=1
    ):
        with task.no_sync() if part < parts else nullcontext():
            with runtime.autocast():
                part_logits = task.forward(inputs)
                loss = task.loss(part_logits, answers, reduction="sum") / total_weight
            state.scaler.scale(loss).backward()
        losses.append(loss.detach())
        logits.append(part_logits.detach())
    return torch.stack(losses).sum(), torch.cat(logits)

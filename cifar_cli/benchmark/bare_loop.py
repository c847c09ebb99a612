"""A training loop with nothing in it but the training: what a careful person writes by hand for one experiment.

The same tensors, network, precision and updates as ours, but no loader, no sums, no checks, no observers. What our loop
takes beyond this one is what convenience costs. Knows nothing of our loop.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Generator, Tensor
from torch.optim.lr_scheduler import LRScheduler


def bare_loop(
    images: Tensor,
    labels: Tensor,
    *,
    order: Tensor,
    batch_size: int,
    steps: int,
    prepare: Callable[[Tensor, Generator], Tensor],
    generator: Generator,
    forward: Callable[[Tensor], Tensor],
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    scheduler: LRScheduler,
    scaler: torch.amp.GradScaler,
    autocast: Callable[[], AbstractContextManager[None]],
    average: Callable[[int], None],
) -> None:
    """Trains for so many steps.

    images: uint8 (N, C, H, W) and labels int64 (N,), on the device; order: int64, the images' indices, batch after
    batch; prepare makes of a batch of images what the network takes, drawing from the generator; average hears of each
    step's number and may keep averages of the weights.
    """
    for step in range(steps):
        batch = order[step * batch_size : (step + 1) * batch_size]
        inputs = prepare(images[batch], generator)
        with autocast():
            loss = loss_fn(forward(inputs), labels[batch])
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        average(step + 1)

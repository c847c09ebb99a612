"""A training loop with nothing but the training: what a careful person writes by hand for one experiment.

The loop uses the same tensors, network, precision and updates as `cifar train`, without a loader, sums, checks and
observers. The difference in time is the overhead of the program's loop.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Generator, Tensor
from torch.optim.lr_scheduler import LRScheduler

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.augmentation import Transform


def bare_loop(
    images: Tensor,
    labels: Tensor,
    *,
    order: Tensor,
    batch_size: int,
    steps: int,
    transform: Transform,
    epoch: int,
    generator: Generator,
    forward: Callable[[Tensor], Tensor],
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    scheduler: LRScheduler,
    scaler: torch.amp.GradScaler,
    autocast: Callable[[], AbstractContextManager[None]],
    average: Callable[[int], None],
) -> None:
    """Trains for `steps` steps.

    images: uint8 (N, C, H, W) and labels: int64 (N,), on the device; order: int64, the indices of the images, batch
    after batch; transform: augments a batch and converts its images to the network's input; average: called with the
    number of each step, may update averaged weights.
    """
    for step in range(steps):
        indices = order[step * batch_size : (step + 1) * batch_size]
        batch = transform(
            Batch(images.index_select(0, indices), labels.index_select(0, indices), indices, epoch), generator
        )
        with autocast():
            loss = loss_fn(forward(batch.images), batch.targets)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        average(step + 1)

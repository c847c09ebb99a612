"""Counts the arithmetic of a training step by running one under torch's counter."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def step_flops(model: nn.Module, inputs: Tensor, labels: Tensor, *, loss_fn: Callable[[Tensor, Tensor], Tensor]) -> int:
    """Returns the operations of one forward and backward pass over a batch; leaves no gradients behind.

    Products and convolutions are counted, a multiplication and an addition as two; the rest is a few per cent.
    inputs: what the network takes, (B, …); labels: int64 (B,).
    """
    # Sums and statistics of batches are the model's own affair: in training mode, as they are trained.
    model.train()
    with FlopCounterMode(display=False) as counter:
        loss_fn(model(inputs), labels).backward()
    model.zero_grad()
    return int(counter.get_total_flops())

"""Counts the FLOPs of a training step, by running a step under torch's counter."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def step_flops(model: nn.Module, inputs: Tensor, labels: Tensor, *, loss_fn: Callable[[Tensor, Tensor], Tensor]) -> int:
    """Returns the FLOPs of one forward and backward pass over a batch; leaves no gradients behind.

    Counts matrix products and convolutions, with a multiplication and an addition as two; the rest is a few percent.
    inputs: the network's input, (B, …); labels: int64 (B,).
    """
    model.train()
    with FlopCounterMode(display=False) as counter:
        loss_fn(model(inputs), labels).backward()
    model.zero_grad()
    return int(counter.get_total_flops())

"""Takes steps that leave a training as it was: to choose, compile and capture kernels before a step that counts."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


@contextmanager
def undone(model: nn.Module, optimizer: Optimizer, *, device: torch.device) -> Iterator[None]:
    """Undoes the steps of the context: weights, buffers, optimizer state and torch's random states are those of before.

    All are the same tensors as before. State that the context's steps have made is kept and set to zero, with which an
    optimizer takes the same first step as without state: momentum, Adam's averages and counts of steps begin at zero.
    """
    tensors = [*model.parameters(), *model.buffers(), *state_tensors(optimizer)]
    before = [tensor.detach().clone() for tensor in tensors]
    known = {id(tensor) for tensor in tensors}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
    with torch.no_grad():
        for tensor, value in zip(tensors, before, strict=True):
            tensor.copy_(value)
        for tensor in state_tensors(optimizer):
            if id(tensor) not in known:
                tensor.zero_()


def state_tensors(optimizer: Optimizer) -> list[Tensor]:
    """Returns the tensors of the optimizer's state, always in the same order."""
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]

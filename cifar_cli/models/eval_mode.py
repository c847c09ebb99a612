"""Switches a network to eval mode within a context."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Puts the model into eval mode within the context, and restores the mode of every module afterwards.

    Each module's own mode is restored: a frozen BatchNorm stays in eval mode within a model in training mode.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training

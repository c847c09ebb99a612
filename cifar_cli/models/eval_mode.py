"""Switches a network to eval mode for a while. Knows nothing of why."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Within it the model is in eval mode; afterwards every module is in its own mode again.

    Each one's own, not one for all: a frozen BatchNorm is in eval mode within a model that trains.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training

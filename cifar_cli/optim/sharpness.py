"""Sharpness-aware minimization: steps by the gradient at the worst weights near by, which ends in flatter minima.

Each step takes two forward and backward passes. The second is at w + ε, where ε is the step of a given size along which
the loss rises most by the first gradient. The optimizer then moves the weights w by the second gradient.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cifar_cli.optim.gradient_norm import moving_parameters

SMALLEST_NORM = 1e-12  # as in the authors' code: without any gradient there is nowhere to go


class Sharpness(Protocol):
    """Gives each gradient the scale T by which its weight may move: ε = ρ · T² g / ‖T g‖."""

    rho: float

    def scale(self, name: str, weight: Tensor) -> Tensor | float:
        """Returns T for a parameter, of its shape or a number."""


class Sam:
    """All weights may move alike: ε = ρ · g / ‖g‖. Source: Foret et al., arXiv:2010.01412, equation 2."""

    def __init__(self, *, rho: float = 0.05) -> None:
        self.rho = rho

    def scale(self, name: str, weight: Tensor) -> Tensor | float:
        return 1.0


class Asam:
    """Larger weights may move further: T = |w| + eta, so that scaling a layer up changes nothing.

    As in the authors' code, T is 1 for a parameter that is not called `weight`, such as a bias. Source: Kwon et al.,
    arXiv:2102.11600, algorithm 1.
    """

    def __init__(self, *, rho: float = 0.5, eta: float = 0.01) -> None:
        self.rho = rho
        self.eta = eta

    def scale(self, name: str, weight: Tensor) -> Tensor | float:
        return weight.abs() + self.eta if name.rpartition(".")[2] == "weight" else 1.0


def no_sharpness() -> None:
    """Returns None: a step takes one pass."""


@contextmanager
def sharpest_weights(model: nn.Module, optimizer: Optimizer, sharpness: Sharpness) -> Iterator[None]:
    """Within the context, the network has the weights w + ε by its gradients; afterwards w, equal to the bit.

    Buffers too are afterwards those of before: BatchNorm's averages are updated by the first pass only. A factor of all
    gradients, such as a loss scaler's, changes nothing. Parameters with a learning rate of 0 stay where they are.
    """
    names = {parameter: name for name, parameter in model.named_parameters()}
    moved = [parameter for parameter in moving_parameters(optimizer) if parameter.grad is not None]
    held = [*moved, *model.buffers()]
    before = [tensor.detach().clone() for tensor in held]
    _move(moved, [sharpness.scale(names[weight], weight.detach()) for weight in moved], rho=sharpness.rho)
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, values in zip(held, before, strict=True):
                tensor.copy_(values)


@torch.no_grad()
def _move(weights: list[nn.Parameter], scales: list[Tensor | float], *, rho: float) -> None:
    """Adds ρ · T² g / ‖T g‖, where the norm is that of all weights together."""
    if not weights:
        return
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    scaled = [scale * gradient for scale, gradient in zip(scales, gradients, strict=True)]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in scaled]))
    for weight, scale, gradient in zip(weights, scales, scaled, strict=True):
        weight.add_(scale * gradient * (rho / (norm + SMALLEST_NORM)))

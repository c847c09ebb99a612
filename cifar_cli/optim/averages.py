"""Averages of a network's weights over the steps of a training, and the table that names them. Knows no optimiser.

BatchNorm's own averages are weights here too: they have to fit the weights that they were taken with.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

Weights = dict[str, Tensor]


class Average(Protocol):
    """Hears of each step, and may change the weights after it."""

    def step_ended(self, step: int) -> None:
        """Called after the optimiser's step number `step`, from 1."""

    def averaged_weights(self) -> Weights:
        """Returns, by name, the weights that the network is judged by in the place of its own; empty for its own."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what has to be saved beside the weights that the network is judged by."""

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Puts it back, once the network has the weights that it is judged by. Raises ValueError where it is other."""


class NoAverage:
    """Leaves everything as it is."""

    def step_ended(self, step: int) -> None:
        pass

    def averaged_weights(self) -> Weights:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        pass


class Ema:
    """The exponential moving average: after each step, `decay` of itself and the rest of the weights as they now are.

    Training goes on with the network's own weights; it is judged by the averaged ones.
    """

    def __init__(self, model: nn.Module, *, decay: float = 0.999) -> None:
        self.decay = decay
        self.model = model
        self.averaged = {name: tensor.clone() for name, tensor in _moving(model).items()}

    @torch.no_grad()
    def step_ended(self, step: int) -> None:
        # The first weights are taken whole, as torch's AveragedModel does: those before them were drawn at random.
        _move(self.averaged, towards=_moving(self.model), decay=self.decay if step > 1 else 0.0)

    def averaged_weights(self) -> Weights:
        return self.averaged

    def state_dict(self) -> dict[str, Any]:
        return {"weights": _moving(self.model)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        _copy(saved["weights"], into=self.averaged)
        _swap(self.averaged, _moving(self.model))


class Lookahead:
    """Slow weights that follow the fast ones, which go on from there every so many steps and at the end.

    Of `total_steps` steps number t leaves the slow weights decay^every_steps · (t / total_steps)³ of what they were:
    little averaging while much is learnt, much of it near the end. A training of fewer steps than `every_steps` is left
    alone. Source: Zhang et al., arXiv:1907.08610; the growing decay is airbench's.
    """

    def __init__(self, model: nn.Module, *, total_steps: int, every_steps: int = 5, decay: float = 0.95) -> None:
        self.model = model
        self.every_steps, self.decay, self.total_steps = every_steps, decay, total_steps
        self.slow = {name: tensor.clone() for name, tensor in _moving(model).items()}

    @torch.no_grad()
    def step_ended(self, step: int) -> None:
        is_due = step % self.every_steps == 0
        if is_due:
            growing = (step / self.total_steps) ** 3
            _move(self.slow, towards=_moving(self.model), decay=self.decay**self.every_steps * growing)
        if is_due or step == self.total_steps > self.every_steps:
            _copy(self.slow, into=_moving(self.model))

    def averaged_weights(self) -> Weights:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.slow}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        _copy(saved["weights"], into=self.slow)


@contextmanager
def evaluation_weights(model: nn.Module, average: Average) -> Iterator[None]:
    """Within it, the network has the weights that it is judged by; afterwards its own again, to the bit."""
    _swap(average.averaged_weights(), _moving(model))
    try:
        yield
    finally:
        _swap(average.averaged_weights(), _moving(model))


def _moving(model: nn.Module) -> Weights:
    """Returns the weights and buffers that hold numbers with fractions; counters are no matter of averages."""
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def _move(averaged: Weights, *, towards: Weights, decay: float) -> None:
    get_ema_multi_avg_fn(decay)(list(averaged.values()), list(towards.values()), 0)


@torch.no_grad()
def _swap(some: Weights, others: Weights) -> None:
    for name, tensor in some.items():
        kept = tensor.clone()
        tensor.copy_(others[name])
        others[name].copy_(kept)


@torch.no_grad()
def _copy(values: Mapping[str, Tensor], *, into: Weights) -> None:
    if {name: value.shape for name, value in values.items()} != {name: tensor.shape for name, tensor in into.items()}:
        raise ValueError("the averaged weights are those of another network")
    for name, tensor in into.items():
        tensor.copy_(values[name])

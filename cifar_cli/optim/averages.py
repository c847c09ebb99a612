"""Averages of a network's weights over the steps of a training.

BatchNorm's running mean and variance count as weights here: they have to fit the weights that they were computed with.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

Weights = dict[str, Tensor]


class Average(Protocol):
    """An average of weights, which is called after each step and may change the weights."""

    def step_ended(self, step: int) -> None:
        """Called after the optimizer's step number `step`, counted from 1."""

    def averaged_weights(self) -> Weights:
        """Returns, by name, the weights that replace the network's own in evaluation; empty if its own stay."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what has to be saved besides the evaluation weights."""

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Restores the average of a network that has its evaluation weights. Raises ValueError for another network."""


class NoAverage:
    """No average: the weights stay as they are."""

    def step_ended(self, step: int) -> None:
        pass

    def averaged_weights(self) -> Weights:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        pass


class Ema:
    """The exponential moving average of the weights: after each step decay · average + (1 − decay) · weights.

    Training continues with the network's own weights; evaluation uses the averaged weights. warmup: step t keeps at
    most (1 + t) / (10 + t) of the average, as in TensorFlow's ExponentialMovingAverage and in torch-ema.
    """

    def __init__(self, model: nn.Module, *, decay: float = 0.999, warmup: bool = False) -> None:
        self.decay, self.warmup = decay, warmup
        self.model = model
        self.averaged = {name: tensor.clone() for name, tensor in _float_tensors(model).items()}

    @torch.no_grad()
    def step_ended(self, step: int) -> None:
        # As in torch's AveragedModel, the average starts with the weights after the first step, not with random ones.
        decay = self._decay_at(step) if step > 1 else 0.0
        _update_average(self.averaged, towards=_float_tensors(self.model), decay=decay)

    def _decay_at(self, step: int) -> float:
        return min(self.decay, (1 + step) / (10 + step)) if self.warmup else self.decay

    def averaged_weights(self) -> Weights:
        return self.averaged

    def state_dict(self) -> dict[str, Any]:
        return {"weights": _float_tensors(self.model)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        _copy(saved["weights"], into=self.averaged)
        _swap(self.averaged, _float_tensors(self.model))


class Lookahead:
    """Slow weights that move towards the weights every `every_steps` steps; then the weights become the slow weights.

    At step t the slow weights keep the fraction decay^every_steps · (t / total_steps)³ of themselves: little averaging
    while much is learned, much averaging near the end. After the last step too the weights become the slow weights. A
    training of fewer than `every_steps` steps is unchanged. Source: Zhang et al., arXiv:1907.08610; the growing decay
    is airbench's.
    """

    def __init__(self, model: nn.Module, *, total_steps: int, every_steps: int = 5, decay: float = 0.95) -> None:
        self.model = model
        self.every_steps, self.decay, self.total_steps = every_steps, decay, total_steps
        self.slow = {name: tensor.clone() for name, tensor in _float_tensors(model).items()}

    @torch.no_grad()
    def step_ended(self, step: int) -> None:
        is_due = step % self.every_steps == 0
        if is_due:
            growth = (step / self.total_steps) ** 3
            _update_average(self.slow, towards=_float_tensors(self.model), decay=self.decay**self.every_steps * growth)
        if is_due or step == self.total_steps > self.every_steps:
            _copy(self.slow, into=_float_tensors(self.model))

    def averaged_weights(self) -> Weights:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.slow}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        _copy(saved["weights"], into=self.slow)


@contextmanager
def evaluation_weights(model: nn.Module, average: Average) -> Iterator[None]:
    """Within the context, the network has its evaluation weights; afterwards its own weights, equal to the bit."""
    _swap(average.averaged_weights(), _float_tensors(model))
    try:
        yield
    finally:
        _swap(average.averaged_weights(), _float_tensors(model))


def _float_tensors(model: nn.Module) -> Weights:
    """Returns the floating-point weights and buffers by name: counters cannot be averaged."""
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def _update_average(averaged: Weights, *, towards: Weights, decay: float) -> None:
    get_ema_multi_avg_fn(decay)(list(averaged.values()), list(towards.values()), 0)


@torch.no_grad()
def _swap(averaged: Weights, weights: Weights) -> None:
    for name, tensor in averaged.items():
        own = weights[name].clone()
        weights[name].copy_(tensor)
        tensor.copy_(own)


@torch.no_grad()
def _copy(values: Mapping[str, Tensor], *, into: Weights) -> None:
    if {name: value.shape for name, value in values.items()} != {name: tensor.shape for name, tensor in into.items()}:
        raise ValueError("the averaged weights are those of another network")
    for name, tensor in into.items():
        tensor.copy_(values[name])

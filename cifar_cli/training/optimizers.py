"""Builds torch's optimisers over a model's parameters. Knows nothing of data or schedules."""

from collections.abc import Callable, Mapping
from typing import TypedDict

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils import clip_grad_norm_

from cifar_cli.errors import UsageError

OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}

# _NormBase is what torch's batch and instance normalisations share. Of PReLU torch's documentation says the same.
UNDECAYED_MODULES = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.PReLU)


class ParameterGroup(TypedDict):
    """One of torch's parameter groups: parameters that share a weight decay."""

    params: list[nn.Parameter]
    weight_decay: float


def build_optimizer(
    name: str,
    model: nn.Module,
    *,
    weight_decay: float,
    decay_norm_and_bias: bool = False,
    clip_grad_norm: float | None = None,
    **arguments: object,
) -> torch.optim.Optimizer:
    """Returns the optimiser `name` over the model's trainable parameters; `arguments` are torch's own.

    Weight decay is left off biases and the parameters of normalisations and PReLUs unless `decay_norm_and_bias`. With
    `clip_grad_norm`, the norm of all gradients together is brought down to it before each step. Raises UsageError where
    there is nothing to train.
    """
    groups = parameter_groups(model, weight_decay=weight_decay, decay_norm_and_bias=decay_norm_and_bias)
    if not groups:
        raise UsageError("model: expected weights to train, found none; add a layer that has some, such as Linear")
    optimizer = OPTIMIZERS[name](groups, **arguments)
    if clip_grad_norm is not None:
        _clip_before_each_step(optimizer, clip_grad_norm)
    return optimizer


def parameter_groups(
    model: nn.Module, *, weight_decay: float, decay_norm_and_bias: bool = False
) -> list[ParameterGroup]:
    """Returns the trainable parameters in at most two groups, those that decay and those that do not.

    A bias or a normalisation's scale does not make a network simpler by being small, so by default neither decays.
    """
    decayed: list[nn.Parameter] = []
    exempt: list[nn.Parameter] = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            is_exempt = name == "bias" or isinstance(module, UNDECAYED_MODULES)
            if parameter.requires_grad:
                (exempt if is_exempt and not decay_norm_and_bias else decayed).append(parameter)
    groups: list[ParameterGroup] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": exempt, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _clip_before_each_step(optimizer: torch.optim.Optimizer, max_norm: float) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def clip(*_: object) -> None:
        clip_grad_norm_(parameters, max_norm)

    optimizer.register_step_pre_hook(clip)

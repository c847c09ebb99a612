"""Builds the optimizer of a model's parameters, which can be divided into groups."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import nn

from cifar_cli.errors import UsageError
from cifar_cli.optim.eager_optimizers import EagerOptimizer
from cifar_cli.optim.gradient_norm import clip_before_each_step
from cifar_cli.optim.layer_order import layer_scales
from cifar_cli.optim.multi_optimizer import MultiOptimizer
from cifar_cli.optim.reported_lr import GROUP_INDEX, LR_SCALE, keep_group_indices
from cifar_cli.optim.select_parameters import select_parameters
from cifar_cli.optim.table import OPTIMIZERS
from cifar_cli.section import load_target

# Without weight decay, as nearly all recipes have it; torch's documentation asks for it for PReLU.
UNDECAYED_MODULES = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.GroupNorm, nn.LayerNorm, nn.PReLU),
)


class TorchParameterGroup(TypedDict):
    """One of torch's parameter groups: parameters with the same weight decay."""

    params: list[nn.Parameter]
    weight_decay: float


def build_optimizer(
    name: str,
    model: nn.Module,
    *,
    groups: Sequence[Mapping[str, Any]] = (),
    layer_decay: float = 1.0,
    fused: bool = False,
    clip_grad_norm: float | None = None,
    **settings: Any,
) -> torch.optim.Optimizer:
    """Returns an optimizer of the model's trainable parameters: `name` for those that no group takes.

    settings: `weight_decay`, `decay_norm_and_bias` as in `parameter_groups`, and the optimizer's own arguments. A group
    has its own settings, a `name`, and patterns `parameters`; it takes the matching parameters that no group before it
    has taken. A group's `epochs` stays in torch's parameter group, where the schedule reads it. layer_decay:
    below 1, torch's groups are divided by layers too, each with its `lr_scale`, by which the schedule multiplies the
    learning rate. clip_grad_norm: the largest norm of all gradients together; larger gradients are scaled down before
    each step.

    Raises UsageError if there is nothing to train, a pattern matches nothing, or an optimizer cannot take a parameter.
    """
    by_optimizer: dict[str, list[dict[str, Any]]] = {}
    for names, group in _divide(model, {"name": name, **settings}, groups):
        optimizer_name, weight_decay = group.pop("name"), group.pop("weight_decay")
        decay_norm_and_bias = group.pop("decay_norm_and_bias", False)
        if OPTIMIZERS[optimizer_name].matrices_only:
            _check_matrices(model, names, optimizer=optimizer_name)
        by_optimizer.setdefault(optimizer_name, []).extend(
            {**parameters, **group, **scale}
            for scale, among in _by_layer(model, names, layer_decay)
            for parameters in parameter_groups(
                model, weight_decay=weight_decay, decay_norm_and_bias=decay_norm_and_bias, among=among
            )
        )
    optimizers: list[EagerOptimizer] = [
        load_target(OPTIMIZERS[optimizer_name].target)(
            param_groups, **({"fused": fused} if OPTIMIZERS[optimizer_name].fusable else {})
        )
        for optimizer_name, param_groups in by_optimizer.items()
        if param_groups
    ]
    if not optimizers:
        raise UsageError(_no_parameters_message(model))
    optimizer = optimizers[0] if len(optimizers) == 1 else MultiOptimizer(optimizers)
    keep_group_indices(optimizer)
    if clip_grad_norm is not None:
        clip_before_each_step(optimizer, clip_grad_norm)
    return optimizer


def freeze_finished_groups(optimizer: torch.optim.Optimizer, *, epoch: int) -> None:
    """Turns off the gradients of groups whose `epochs` are over before `epoch`, counted from 0.

    Their learning rate stays 0. If they are the first layers, the backward pass ends earlier.
    """
    finished = [group for group in optimizer.param_groups if epoch >= (group.get("epochs") or math.inf)]
    if len(finished) == len(optimizer.param_groups):
        return  # a loss without any gradient has no backward pass
    for group in finished:
        for parameter in group["params"]:
            parameter.requires_grad_(False)
            parameter.grad = None


def _no_parameters_message(model: nn.Module) -> str:
    frozen = sum(parameter.numel() for parameter in model.parameters())
    if frozen:
        return f"train.freeze: expected weights left to train, found all {frozen:,} frozen; take a layer out of it"
    return "model: expected weights to train, found none; add a layer that has some, such as Linear"


def parameter_groups(
    model: nn.Module, *, weight_decay: float, decay_norm_and_bias: bool = False, among: Collection[str] | None = None
) -> list[TorchParameterGroup]:
    """Returns the trainable parameters in at most two groups: with weight decay, and without.

    By default, biases and the parameters of normalization layers do not decay: small ones make no network simpler.
    among: the names of the parameters to take; None for all.
    """
    decayed: list[nn.Parameter] = []
    exempt: list[nn.Parameter] = []
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            is_exempt = name == "bias" or isinstance(module, UNDECAYED_MODULES)
            is_wanted = among is None or (f"{path}.{name}" if path else name) in among
            if parameter.requires_grad and is_wanted:
                (exempt if is_exempt and not decay_norm_and_bias else decayed).append(parameter)
    groups: list[TorchParameterGroup] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": exempt, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _divide(
    model: nn.Module, rest: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]
) -> list[tuple[Collection[str], dict[str, Any]]]:
    """Returns the names of each group's parameters, and its settings; the parameters in no group come first."""
    remaining = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    divided: list[tuple[Collection[str], dict[str, Any]]] = []
    for index, group in enumerate(groups):
        key = f"optimizer.groups.{index}.parameters"
        names = select_parameters(group["parameters"], remaining, model=model, key=key)
        remaining = [name for name in remaining if name not in names]
        settings = {key: value for key, value in group.items() if key != "parameters"}
        divided.append((names, {**settings, GROUP_INDEX: index}))
    return [(remaining, {**rest, GROUP_INDEX: None}), *divided]


def _by_layer(
    model: nn.Module, names: Collection[str], decay: float
) -> Iterator[tuple[dict[str, float], Collection[str]]]:
    """Yields the scale of each layer with the names of its parameters; with a decay of 1, all names together."""
    if decay == 1:
        yield {}, names
        return
    scales = layer_scales(model, decay)
    for scale in dict.fromkeys(scales.values()):
        yield {LR_SCALE: scale}, [name for name in names if scales[name] == scale]


def _check_matrices(model: nn.Module, names: Collection[str], *, optimizer: str) -> None:
    """Raises UsageError if one of the parameters has a single dimension, as a bias does."""
    parameters = dict(model.named_parameters())
    vectors = [name for name in names if parameters[name].dim() < 2]
    if vectors:
        patterns = ", ".join(f"'{name}'" for name in vectors)
        raise UsageError(
            f"optimizer: {optimizer} takes filter banks and matrices only, found {', '.join(vectors)}; give them to "
            f"another optimizer, in optimizer.groups: - {{parameters: [{patterns}], name: sgd, lr: 0.05}}"
        )

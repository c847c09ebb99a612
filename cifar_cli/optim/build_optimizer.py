"""Builds optimisers over a model's parameters, whole or in groups. Knows nothing of data or schedules."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils import clip_grad_norm_

from cifar_cli.errors import UsageError
from cifar_cli.optim.multi_optimizer import MultiOptimizer
from cifar_cli.optim.reported_lr import GROUP_INDEX, keep_group_indices
from cifar_cli.optim.select_parameters import select_parameters
from cifar_cli.optim.table import OPTIMIZERS
from cifar_cli.section import load_target

# _NormBase is what torch's batch and instance normalisations share. Of PReLU torch's documentation says the same.
UNDECAYED_MODULES = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.PReLU)


class TorchParameterGroup(TypedDict):
    """One of torch's parameter groups: parameters that share a weight decay."""

    params: list[nn.Parameter]
    weight_decay: float


def build_optimizer(
    name: str,
    model: nn.Module,
    *,
    groups: Sequence[Mapping[str, Any]] = (),
    fused: bool = False,
    clip_grad_norm: float | None = None,
    **settings: Any,
) -> torch.optim.Optimizer:
    """Returns the optimiser `name` over the model's trainable parameters, but for those that a group takes.

    settings: `weight_decay`, `decay_norm_and_bias` as in `parameter_groups`, and the optimiser's own arguments. A group
    has the same of its own, a `name`, the patterns `parameters` of which it takes what no group before it took, and
    maybe `epochs`, which is left in torch's group for a schedule to read. With `clip_grad_norm`, the norm of all
    gradients together is brought down to it before each step.

    Raises UsageError where there is nothing to train, a group has no parameters, or an optimiser cannot take them.
    """
    by_optimizer: dict[str, list[dict[str, Any]]] = {}
    for names, group in _divided(model, {"name": name, **settings}, groups):
        chosen, weight_decay = group.pop("name"), group.pop("weight_decay")
        decay_norm_and_bias = group.pop("decay_norm_and_bias", False)
        if OPTIMIZERS[chosen].matrices_only:
            _check_matrices(model, names, optimizer=chosen)
        by_optimizer.setdefault(chosen, []).extend(
            {**parameters, **group}
            for parameters in parameter_groups(
                model, weight_decay=weight_decay, decay_norm_and_bias=decay_norm_and_bias, among=names
            )
        )
    optimizers: list[torch.optim.Optimizer] = [
        load_target(OPTIMIZERS[chosen].target)(
            torchs_groups, **({"fused": fused} if OPTIMIZERS[chosen].fusable else {})
        )
        for chosen, torchs_groups in by_optimizer.items()
        if torchs_groups
    ]
    if not optimizers:
        raise UsageError(_nothing_to_train(model))
    optimizer = optimizers[0] if len(optimizers) == 1 else MultiOptimizer(optimizers)
    keep_group_indices(optimizer)
    if clip_grad_norm is not None:
        _clip_before_each_step(optimizer, clip_grad_norm)
    return optimizer


def has_zero_lr(group: Mapping[str, Any]) -> bool:
    """Returns whether a group's learning rate is 0; one that is a tensor, as in a recorded step, never is."""
    return not isinstance(group["lr"], Tensor) and group["lr"] == 0


def freeze_finished_groups(optimizer: torch.optim.Optimizer, *, epoch: int) -> None:
    """Has no gradients computed for groups whose `epochs` lie behind, `epoch` (from 0) being the next.

    Their learning rate is 0 for good. Where they are the first layers, the way back through the network ends earlier.
    """
    finished = [group for group in optimizer.param_groups if epoch >= (group.get("epochs") or math.inf)]
    if len(finished) == len(optimizer.param_groups):
        return  # a loss that needs no gradient at all has no backward pass
    for group in finished:
        for parameter in group["params"]:
            parameter.requires_grad_(False)
            parameter.grad = None


def _nothing_to_train(model: nn.Module) -> str:
    frozen = sum(parameter.numel() for parameter in model.parameters())
    if frozen:
        return f"train.freeze: expected weights left to train, found all {frozen:,} frozen; take a layer out of it"
    return "model: expected weights to train, found none; add a layer that has some, such as Linear"


def parameter_groups(
    model: nn.Module, *, weight_decay: float, decay_norm_and_bias: bool = False, among: Collection[str] | None = None
) -> list[TorchParameterGroup]:
    """Returns the trainable parameters in at most two groups, those that decay and those that do not.

    A bias or a normalisation's scale does not make a network simpler by being small, so by default neither decays.
    among: the names of the parameters to take, None for all.
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


def _divided(
    model: nn.Module, rest: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]
) -> list[tuple[Collection[str], dict[str, Any]]]:
    """Returns which parameters each group takes, by name, and its settings; the rest, whose own they are, first."""
    left = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    taken: list[tuple[Collection[str], dict[str, Any]]] = []
    for index, group in enumerate(groups):
        key = f"optimizer.groups.{index}.parameters"
        names = select_parameters(group["parameters"], left, model=model, key=key)
        left = [name for name in left if name not in names]
        settings = {key: value for key, value in group.items() if key != "parameters"}
        taken.append((names, {**settings, GROUP_INDEX: index}))
    return [(left, {**rest, GROUP_INDEX: None}), *taken]


def _check_matrices(model: nn.Module, names: Collection[str], *, optimizer: str) -> None:
    """Raises UsageError where one of the parameters is a row of numbers, such as a bias."""
    parameters = dict(model.named_parameters())
    rows = [name for name in names if parameters[name].dim() < 2]
    if rows:
        patterns = ", ".join(f"'{name}'" for name in rows)
        raise UsageError(
            f"optimizer: {optimizer} takes filter banks and matrices only, found {', '.join(rows)}; give them to "
            f"another optimiser, in optimizer.groups: - {{parameters: [{patterns}], name: sgd, lr: 0.05}}"
        )


def _clip_before_each_step(optimizer: torch.optim.Optimizer, max_norm: float) -> None:
    def clip(*_: object) -> None:
        # A group that stands still has no say in how far the others go, whether or not it still has gradients.
        moving = [group for group in optimizer.param_groups if not has_zero_lr(group)]
        clip_grad_norm_([parameter for group in moving for parameter in group["params"]], max_norm)

    optimizer.register_step_pre_hook(clip)

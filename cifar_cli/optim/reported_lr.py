"""Chooses the one learning rate that is reported as `lr` in metrics.csv, TensorBoard and messages.

That is `optimizer.lr` if it trains any parameter. If `optimizer.groups` take every parameter, it is the learning rate
of the first group that is trained to the end, or else of the first group. With a layer decay, it is that of the head.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.optim.lr_scheduler import LambdaLR

from cifar_cli.optim.multi_optimizer import MultiOptimizer
from cifar_cli.optim.table import OPTIMIZERS, OptimizerKeys
from cifar_cli.section import Section, load_target

GROUP_INDEX = "group_index"  # in torch's groups: the index in optimizer.groups, None for the section's own parameters
LR_SCALE = "lr_scale"  # in torch's groups, under timm's name: the fraction of the learning rate that a layer has


class ConfiguredLr(NamedTuple):
    """The key that sets a learning rate, its value before any schedule, and the default of the key's optimizer."""

    key: str
    value: float
    default: float

    @property
    def smaller(self) -> str:
        """A smaller learning rate to try, as text: a tenth, or the default if that is smaller still."""
        return _one_digit(min(self.value / 10, self.default))

    @property
    def larger(self) -> str:
        """A larger learning rate to try, as text: ten times as much, or the default if that is larger still."""
        return _one_digit(max(self.value * 10, self.default))


def reported_position(groups: Sequence[Mapping[str, Any]]) -> int:
    """Returns the index of the parameter group whose learning rate is reported."""

    def rank(position: int) -> tuple[int, int]:
        index = groups[position].get(GROUP_INDEX)
        if index is None:
            return (0, 0)
        return (1 if groups[position].get("epochs") is None else 2, index)

    return min(range(len(groups)), key=rank)


def configured_lr(scheduler: LambdaLR) -> ConfiguredLr:
    """Returns the reported learning rate in the configuration, before any schedule."""
    groups = scheduler.optimizer.param_groups
    position = reported_position(groups)
    key = f"{group_name(groups[position])}.lr"
    return ConfiguredLr(key, float(scheduler.base_lrs[position]), _default_lr(scheduler.optimizer, position))


def group_name(group: Mapping[str, Any]) -> str:
    """Returns where a configuration sets what torch's group is trained with: `optimizer` or `optimizer.groups.0`."""
    index = group.get(GROUP_INDEX)
    return "optimizer" if index is None else f"optimizer.groups.{index}"


def _default_lr(optimizer: torch.optim.Optimizer, position: int) -> float:
    """Returns the default learning rate of the optimizer that has the group; outside the table, 0.01."""
    optimizers = optimizer.optimizers if isinstance(optimizer, MultiOptimizer) else [optimizer]
    owners = [owner for owner in optimizers for _ in owner.param_groups]  # MultiOptimizer's groups have this order
    keys: type[Section] = next(
        (entry for entry in OPTIMIZERS.values() if load_target(entry.target) is type(owners[position])), OptimizerKeys
    )
    default: float = keys.model_fields["lr"].default
    return default


def _one_digit(lr: float) -> str:
    """Returns 0.003 for 0.0031, and 10 where a plain format to one digit would give 1e+01."""
    return f"{float(f'{lr:.1g}'):g}"


def keep_group_indices(optimizer: torch.optim.Optimizer) -> None:
    """Keeps the groups' indices when a checkpoint is loaded: the checkpoint may have none, or wrong ones."""
    indices = [group[GROUP_INDEX] for group in optimizer.param_groups]

    def restore(loaded: torch.optim.Optimizer) -> None:
        for group, index in zip(loaded.param_groups, indices, strict=True):
            group[GROUP_INDEX] = index

    optimizer.register_load_state_dict_post_hook(restore)

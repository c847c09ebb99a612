"""Chooses the one learning rate that is reported as `lr` in metrics.csv, TensorBoard and messages.

That is `optimizer.lr` if it trains any parameter. If `optimizer.groups` take every parameter, it is the learning rate
of the first group that is trained to the end, or else of the first group.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.optim.lr_scheduler import LambdaLR

GROUP_INDEX = "group_index"  # in torch's groups: the index in optimizer.groups, None for the section's own parameters


class ConfiguredLr(NamedTuple):
    """The key that sets a learning rate, and its value before any schedule."""

    key: str
    value: float


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
    index = groups[position].get(GROUP_INDEX)
    key = "optimizer.lr" if index is None else f"optimizer.groups.{index}.lr"
    return ConfiguredLr(key, float(scheduler.base_lrs[position]))


def keep_group_indices(optimizer: torch.optim.Optimizer) -> None:
    """Keeps the groups' indices when a checkpoint is loaded: the checkpoint may have none, or wrong ones."""
    indices = [group[GROUP_INDEX] for group in optimizer.param_groups]

    def restore(loaded: torch.optim.Optimizer) -> None:
        for group, index in zip(loaded.param_groups, indices, strict=True):
            group[GROUP_INDEX] = index

    optimizer.register_load_state_dict_post_hook(restore)

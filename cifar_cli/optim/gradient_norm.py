"""The norm of all gradients together: measured for the records, and bounded before a step."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, get_total_norm
from torch.optim import Optimizer

from cifar_cli.optim.eager_optimizers import EagerOptimizer


def has_zero_lr(group: Mapping[str, Any]) -> bool:
    """Returns whether a group's learning rate is 0. A tensor learning rate is assumed to be non-zero."""
    return not isinstance(group["lr"], Tensor) and group["lr"] == 0


def moving_parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    """Returns the parameters of the groups with a learning rate: those without one may still have gradients."""
    return [parameter for group in optimizer.param_groups if not has_zero_lr(group) for parameter in group["params"]]


def clip_before_each_step(optimizer: EagerOptimizer, max_norm: float) -> None:
    """Has the optimizer scale larger gradients down to that norm, and keep the norm from before in `unclipped_norm`."""
    # One tensor for all steps: a CUDA graph writes to the one that it was captured with.
    norm = torch.zeros((), device=optimizer.param_groups[0]["params"][0].device)

    def clip(*_: object) -> None:
        # Gradients of parameters that do not move must not shrink the others' steps.
        norm.copy_(clip_grad_norm_(moving_parameters(optimizer), max_norm))

    optimizer.unclipped_norm = norm
    optimizer.register_step_pre_hook(clip)


def gradient_norm(optimizer: Optimizer) -> Tensor:
    """Returns the norm of the last step's gradients, before any clipping, as a Tensor () on the device."""
    if isinstance(optimizer, EagerOptimizer) and optimizer.unclipped_norm is not None:
        return optimizer.unclipped_norm
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])

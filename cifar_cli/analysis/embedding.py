"""Finds the numbers that a network describes an image with before it decides. Knows nothing of files."""

from typing import Any

import torch
from torch import Tensor, nn

from cifar_cli.models.eval_mode import eval_mode


def embed(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Returns what goes into the network's last linear layer, float32 (B, F), and the logits (B, K).

    Images that the network takes for similar lie near each other there. Of a network without a linear layer the logits
    are taken for both. images: what the network takes (B, C, H, W); it runs once, in eval mode and without gradients.
    """
    latest: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Any, ...]) -> None:
        latest[:] = [args[0].detach().flatten(1).float().clone()]  # the last one called stays

    hooks = [module.register_forward_pre_hook(keep) for module in model.modules() if isinstance(module, nn.Linear)]
    try:
        with eval_mode(model), torch.no_grad():
            logits: Tensor = model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return (latest[0] if latest else logits.float()), logits

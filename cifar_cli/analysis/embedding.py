"""Computes the embedding of images: the input of a network's last linear layer."""

from typing import Any

from torch import Tensor, nn

from cifar_cli.analysis.capture import run_with_hooks


def embed(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the input of the network's last linear layer, float32 (B, F), and the logits (B, K).

    The embeddings of images that look similar to the network are near each other. A network without a linear layer has
    its logits as embedding. images: the network's input (B, C, H, W). The network runs once, in eval mode and without
    gradients.
    """
    latest: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Any, ...]) -> None:
        latest[:] = [args[0].detach().flatten(1).float().clone()]  # the last call stays

    hooks = [module.register_forward_pre_hook(keep) for module in model.modules() if isinstance(module, nn.Linear)]
    logits = run_with_hooks(model, images, hooks)
    return (latest[0] if latest else logits.float()), logits

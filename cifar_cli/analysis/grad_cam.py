"""Grad-CAM: the positions of a feature map that are evidence for a class.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", arXiv:1610.02391.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cifar_cli.analysis.call_order import called_layers
from cifar_cli.analysis.capture import as_maps, capture_many, find_layer
from cifar_cli.errors import UsageError
from cifar_cli.models.eval_mode import eval_mode


@dataclass(frozen=True)
class GradCam:
    """Heat maps and what they explain.

    heat: float32 (B, H, W), 0 and more, of the layer's own resolution; logits: float32 (B, K); classes: int64 (B,), the
    explained class of each image.
    """

    heat: Tensor
    logits: Tensor
    classes: Tensor


def grad_cam(model: nn.Module, images: Tensor, *, layer: str, classes: Tensor | None = None) -> GradCam:
    """Returns the evidence for a class at each position of a layer's maps A (B, C, H, W): max(0, Σ_c w_c A_c).

    w_c is the mean over all positions of the gradient of the class's logit by A_c. images: the network's input;
    classes: int64 (B,), by default the predicted classes. The network runs once, in eval mode; a layer that is called
    several times counts at its first call. Raises UsageError for a layer that does not return maps.
    """
    _check_maps(model, images, layer)
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if kept:
            return None
        kept.append(output.detach().requires_grad_())
        return kept[0].clone()  # the next layer may change it in place

    handle = find_layer(model, layer).register_forward_hook(keep)
    try:
        with eval_mode(model), torch.enable_grad():
            logits: Tensor = model(images)  # (B, K)
            chosen = logits.argmax(dim=1) if classes is None else classes
            score = logits.gather(1, chosen[:, None]).sum()  # the gradient of an image depends on its own logit only
            (gradient,) = torch.autograd.grad(score, kept, materialize_grads=True)
    finally:
        handle.remove()
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    heat = (weights * kept[0].detach()).sum(dim=1).relu()
    return GradCam(heat.float().cpu(), logits.detach().float().cpu(), chosen.cpu())


def last_maps(model: nn.Module, images: Tensor) -> str | None:
    """Returns the last innermost layer that returns maps of more than one position, None where there is none."""
    return next(reversed(map_layers(model, images)), None)


def map_layers(model: nn.Module, images: Tensor) -> Sequence[str]:
    """Returns the innermost layers that return maps of more than one position, in the order of their calls."""
    outputs = capture_many(model, images, layers=called_layers(model, images))
    return [name for name, output in outputs.items() if output.dim() == 4 and as_maps(output) is not None]


def _check_maps(model: nn.Module, images: Tensor, layer: str) -> None:
    output = capture_many(model, images, layers=[layer])[layer]
    if output.dim() != 4 or as_maps(output) is None:
        last = last_maps(model, images)
        mend = f"take an earlier layer, for example {last}" if last else "this network has none"
        raise UsageError(
            f"--grad-cam: expected a layer that gives feature maps, found '{layer}', which gives "
            f"{tuple(output.shape)}; {mend}"
        )

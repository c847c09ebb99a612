"""Measures a network's activity: its layers' outputs, their gradients, and the relative size of a weight update.

The figures stay on the device until `to_numbers` fetches all of them at once.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cifar_cli.analysis.capture import run_with_hooks
from cifar_cli.analysis.formulas import BATCH_NORMS

Figures: TypeAlias = dict[str, Tensor]
"""Single numbers, Tensor (), by name."""

# These layers pass on their input or a part of it; their output adds no information.
PASSING_MODULES = {"torch.nn.modules.pooling", "torch.nn.modules.flatten", "torch.nn.modules.dropout"}
# In these layers an output of exactly 0 is chance; in all others, such as ReLU, a unit that is always 0 is dead.
LINEAR_LAYERS = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(nn.Linear, nn.Identity, nn.GroupNorm, nn.LayerNorm),
    *BATCH_NORMS,
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)


def activation_figures(model: nn.Module, images: Tensor) -> Figures:
    """Returns `<layer>/mean` and `<layer>/std` of each innermost layer's output, and `<layer>/dead` of activations.

    images: the network's input (B, C, H, W). The network runs once, in eval mode and without gradients. dead: the
    fraction of units, in [0, 1], whose output is 0 for every image; a unit of a feature map (B, C, H, W) is a channel.
    A layer that is called several times is measured at its first call.
    """
    figures: Figures = {}
    layers = informative_layers(model)
    run_with_hooks(model, images, [_measure_output(module, name, figures) for name, module in layers.items()])
    return figures


def informative_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Returns the innermost layers by name, without pooling, flattening and dropout, whose output adds nothing."""
    return {
        name: module
        for name, module in model.named_modules()
        if name and not list(module.children()) and not _passes_on(module)
    }


def gradient_figures(model: nn.Module) -> Figures:
    """Returns the norm of the gradient of each layer's trainable parameters together; 0 where there is none."""
    figures: Figures = {}
    for layer, parameters in trainable_layers(model).items():
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        figures[layer] = _norm(gradients) if gradients else parameters[0].new_zeros(())
    return figures


def update_figures(model: nn.Module, before: Mapping[str, Tensor]) -> Figures:
    """Returns the relative change of each layer's weights since `before`: ‖w − w₀‖ / ‖w₀‖."""
    by_layer: dict[str, list[str]] = {}
    for name in before:
        by_layer.setdefault(name.rpartition(".")[0] or "model", []).append(name)
    return {layer: total_update(model, {name: before[name] for name in names}) for layer, names in by_layer.items()}


def total_update(model: nn.Module, before: Mapping[str, Tensor]) -> Tensor:
    """Returns the relative change of the weights in `before`, all together: Tensor ()."""
    now = dict(model.named_parameters())
    moves = [now[name].detach() - old for name, old in before.items()]
    return _norm(moves) / _norm(list(before.values())).clamp_min(torch.finfo(torch.float32).tiny)


def copied_weights(model: nn.Module) -> dict[str, Tensor]:
    """Returns copies of the trainable parameters by their dotted names, for a later comparison."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def trainable_layers(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Returns the trainable parameters of each module with parameters of its own, by the module's dotted name."""
    own = {
        name or "model": [parameter for parameter in module.parameters(recurse=False) if parameter.requires_grad]
        for name, module in model.named_modules()
    }
    return {name: parameters for name, parameters in own.items() if parameters}


def to_numbers(figures: Mapping[str, Tensor]) -> dict[str, float]:
    """Returns all figures as numbers; waits for the device once."""
    if not figures:
        return {}
    values: list[float] = torch.stack(list(figures.values())).tolist()
    return dict(zip(figures, values, strict=True))


def _passes_on(module: nn.Module) -> bool:
    return any(kind.__module__ in PASSING_MODULES for kind in type(module).__mro__)


def _measure_output(module: nn.Module, name: str, figures: Figures) -> RemovableHandle:
    def hook(module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if not isinstance(output, Tensor) or output.dim() < 2 or f"{name}/mean" in figures:
            return
        # The output is measured here and not kept: the next layer may change it in place.
        values = output.float()
        figures[f"{name}/mean"] = values.mean()
        figures[f"{name}/std"] = values.std(correction=0)
        if not isinstance(module, LINEAR_LAYERS):
            other_axes = [axis for axis in range(values.dim()) if axis != 1]
            figures[f"{name}/dead"] = (values.abs().amax(dim=other_axes) == 0).float().mean()

    return module.register_forward_hook(hook)


def _norm(tensors: list[Tensor]) -> Tensor:
    """Returns the Euclidean norm of all tensors together."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors]))
    return norm

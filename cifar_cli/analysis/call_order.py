"""Finds the order in which a network calls its layers, and the activation that follows a layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cifar_cli.analysis.capture import run_with_hooks

ACTIVATIONS = "torch.nn.modules.activation"
# Layers that may stand between a layer and its activation; after any other layer the values belong to that layer.
PASSED_MODULES = {
    "torch.nn.modules.pooling",
    "torch.nn.modules.batchnorm",
    "torch.nn.modules.normalization",
    "torch.nn.modules.instancenorm",
    "torch.nn.modules.dropout",
}


@dataclass(frozen=True)
class Call:
    """One call of an innermost layer. It keeps its tensors alive, so that their identity is unique."""

    name: str
    module: nn.Module
    input: Tensor
    output: Tensor


def called_layers(model: nn.Module, images: Tensor) -> list[str]:
    """Returns the innermost layers that take and give tensors, in the order of their first call on images (B, C, H, W).

    The network runs once, in eval mode and without gradients.
    """
    return list(dict.fromkeys(call.name for call in _calls(model, images)))


def activation_after(model: nn.Module, images: Tensor, *, layer: str) -> str | None:
    """Returns the activation that takes a layer's output, directly or through pooling, normalization or dropout.

    None where the layer is an activation itself, or another layer comes first.
    """
    calls = _calls(model, images)
    start = next((number for number, call in enumerate(calls) if call.name == layer), None)
    if start is None or is_activation(calls[start].module):
        return None
    tensor = calls[start].output
    for call in calls[start + 1 :]:
        if call.input is not tensor:
            continue
        if is_activation(call.module):
            return call.name
        if type(call.module).__module__ not in PASSED_MODULES:
            return None
        tensor = call.output
    return None


def layers_of_scores(model: nn.Module, images: Tensor) -> set[str]:
    """Returns the layers whose values may be class scores: the last layer with a weight matrix, and all later layers.

    The values of an earlier layer are hidden, even if there are as many of them as classes.
    """
    calls = _calls(model, images)
    mixing = [number for number, call in enumerate(calls) if any(p.dim() > 1 for p in call.module.parameters())]
    last = mixing[-1] if mixing else 0
    return {call.name for call in calls[last:]} - {call.name for call in calls[:last]}


def is_activation(module: nn.Module) -> bool:
    """Returns whether a layer is one of torch's activations."""
    return type(module).__module__ == ACTIVATIONS


def _calls(model: nn.Module, images: Tensor) -> list[Call]:
    calls: list[Call] = []
    innermost = [(name, module) for name, module in model.named_modules() if name and not list(module.children())]
    run_with_hooks(model, images, [_note_calls(module, name, calls) for name, module in innermost])
    return calls


def _note_calls(module: nn.Module, name: str, calls: list[Call]) -> RemovableHandle:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: object) -> None:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        if tensors and isinstance(output, Tensor):
            calls.append(Call(name, module, tensors[0], output))

    return module.register_forward_hook(hook, with_kwargs=True)

"""Describes in sentences what a layer did to a batch."""

import torch
from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView


def signature(module: nn.Module) -> str:
    """Returns a layer with its arguments, as torch prints it; for a container, its type and number of layers."""
    inside = sum(1 for _ in module.modules()) - 1
    return f"{type(module).__name__}, {formatting.count(inside, 'layer')} inside" if inside else repr(module)


def describe_layer(view: LayerView) -> list[str]:
    """Returns facts, a sentence each: the shapes, the values before and after, zeros, and whether anything changed."""
    return [
        f"Shape: {tuple(view.input.shape)} → {tuple(view.output.shape)}.",
        f"Values: {_values(view.input)} going in; {_values(view.output)} coming out.",
        *_zeros(view.output),
        *_unchanged(view),
    ]


def _values(tensor: Tensor) -> str:
    values = tensor.float()
    finite = values[values.isfinite()]
    if not len(finite):
        return "no finite number"
    values_range = formatting.value_range(finite.min().item(), finite.max().item())
    text = f"{values_range} (mean {formatting.number(finite.mean().item())})"
    broken = values.numel() - finite.numel()
    return f"{text} and {broken:,} that are not finite" if broken else text


def _zeros(output: Tensor) -> list[str]:
    zero = output == 0
    if not zero.any():
        return []
    facts = [f"{formatting.percent(zero.float().mean().item(), decimals=1)} of the output is exactly zero."]
    if output.dim() > 1:
        channel_zero = zero.transpose(0, 1).flatten(1).all(dim=1)  # (C,)
        if dead := int(channel_zero.sum()):
            where = "channels are zero everywhere, " if output.dim() > 2 else "values are zero "
            facts.append(f"{dead} of {len(channel_zero)} {where}for every one of these images.")
    return facts


def _unchanged(view: LayerView) -> list[str]:
    if view.input.shape != view.output.shape or not torch.equal(view.input, view.output):
        return []
    if isinstance(view.module, nn.ReLU):
        fact = "Output equals input: no input value is negative, so ReLU changes nothing."
        if view.reads_images:
            fact += " Images from ToTensor lie in [0, 1]; data.normalize=true gives them negative values."
        return [fact]
    if isinstance(view.module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout):
        return ["Output equals input: dropout acts in training only, and a layer is shown in eval mode."]
    return ["Output equals input, value for value."]

"""Replaces a network's 3×3 convolutions by faster ones, on a CPU; kernel_choice.py says for which shapes."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cifar_cli.hardware import multiplies_fastest_in_bf16
from cifar_cli.kernels.kernel_choice import faster_kernel

# The layers whose convolutions were faster than torch's: measured, docs/experiments/fast_convolutions.md.
MIN_CHANNELS, MIN_OUT_CHANNELS = 64, 128


def has_faster_kernels(device: torch.device, precision: str) -> bool:
    """Returns whether a faster kernel exists for this device and precision."""
    if device.type != "cpu":
        return False
    return precision == "fp32" or (precision == "bf16" and multiplies_fastest_in_bf16(device))


def replace_convolutions(model: nn.Module) -> nn.Module:
    """Returns the model; every convolution that may gain is replaced in place by a FastConv2d.

    The weights stay the same tensors under the same names. On other devices, in other precisions and for small batches
    a FastConv2d computes as torch does. A module may have a mapping `pooled`: from the name of a convolution that only
    a pooling reads, to that pooling's window. Then pixels that the pooling drops at the edge are not computed.
    """
    windows: Mapping[str, int] = getattr(model, "pooled", {})
    for name, child in model.named_children():
        if isinstance(child, nn.Conv2d) and _may_gain(child):
            setattr(model, name, FastConv2d(child, window=windows.get(name, 1)))
        else:
            replace_convolutions(child)
    return model


class FastConv2d(nn.Conv2d):
    """A 3×3 convolution that computes the same as torch's, by a faster method for the input shapes that gain.

    window: pixels on a side of the pooling that follows; the output may lack the last rows and columns, which fill no
    window.
    """

    def __init__(self, convolution: nn.Conv2d, *, window: int = 1) -> None:
        # On "meta" no weights are drawn: later random numbers stay the same.
        super().__init__(convolution.in_channels, convolution.out_channels, kernel_size=3, padding=1, device="meta")
        self.weight, self.bias = convolution.weight, convolution.bias
        self.training = convolution.training
        self.window = window

    def forward(self, images: Tensor) -> Tensor:
        convolve = faster_kernel(images, self.window)
        return super().forward(images) if convolve is None else self._with_bias(convolve(images, self.weight))

    def _with_bias(self, features: Tensor) -> Tensor:
        return features if self.bias is None else features + self.bias.to(features.dtype).view(-1, 1, 1)


def _may_gain(module: nn.Conv2d) -> bool:
    return (
        (module.kernel_size, module.stride, module.padding) == ((3, 3), (1, 1), (1, 1))
        and (module.dilation, module.groups, module.padding_mode) == ((1, 1), 1, "zeros")
        and module.in_channels >= MIN_CHANNELS
        and module.out_channels >= MIN_OUT_CHANNELS
    )

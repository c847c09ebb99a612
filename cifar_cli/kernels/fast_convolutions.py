"""Replaces a network's 3×3 convolutions by faster ones, for the shapes that gain, on a CPU.

winograd.py needs fewer multiplications. On a CPU with AMX, multiplications in bf16 are cheap: there
packed_weight_gradient.py packs small maps together for the weight gradient.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from cifar_cli.hardware import has_amx, multiplies_fastest_in_bf16
from cifar_cli.kernels.packed_weight_gradient import packed_conv3x3
from cifar_cli.kernels.winograd import winograd_conv3x3

# Shapes for which the methods were faster than torch: measured, docs/experiments/fast_convolutions.md.
MIN_CHANNELS, MIN_OUT_CHANNELS = 64, 128
MAX_PIXELS = 15  # on a side
MIN_BATCH = 64  # the smallest that was measured: transforming the filters costs the same for any batch size

MAX_PACKED_PIXELS = 7  # on a side, for packed weight gradients


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
        convolve = _faster_kernel(images, self.window)
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


def _faster_kernel(images: Tensor, window: int) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Returns a function that convolves images (B, C, H, W) faster than torch; None if there is none for this shape."""
    if images.device.type != "cpu" or images.dim() != 4 or len(images) < MIN_BATCH or min(images.shape[2:]) < window:
        return None
    pixels = max(images.shape[2:])
    if _in_bf16() and has_amx():
        has_gain = pixels <= MAX_PACKED_PIXELS and torch.is_grad_enabled()  # only gradients are faster
        return _packed_bf16 if has_gain else None
    if pixels > MAX_PIXELS:
        return None
    if _in_bf16():
        return partial(_winograd_bf16, window=window)
    is_fp32 = images.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return partial(winograd_conv3x3, window=window) if is_fp32 else None


def _in_bf16() -> bool:
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


def _packed_bf16(images: Tensor, weight: Tensor) -> Tensor:
    return packed_conv3x3(images.bfloat16(), weight.bfloat16())


def _winograd_bf16(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
    # The filters keep their precision: winograd_conv3x3 rounds their values at the points instead.
    return winograd_conv3x3(images.bfloat16(), weight, window=window)

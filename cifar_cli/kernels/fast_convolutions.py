"""Has a network compute its 3×3 convolutions in another way where that is faster, on a CPU.

With fewer multiplications (winograd.py); in bf16, where the CPU has AMX and multiplications are cheap, with the weight
gradients of small maps taken together (side_by_side.py). Knows which shapes gain; the arithmetic is theirs.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from cifar_cli.hardware import has_amx, multiplies_fastest_in_bf16
from cifar_cli.kernels.packed_weight_gradient import packed_conv3x3
from cifar_cli.kernels.winograd import winograd_conv3x3

# Measured 2026-11-25 on two cores of an AMD EPYC (Zen 4), torch 2.14, channels_last, forward and both gradients, µs an
# image by torch's convolution and by Winograd's, the best of 5, batches of 1000, in fp32 and in bf16; a star where a
# pooling follows, which drops the last row and column of an odd side; in brackets forward alone:
#    64 → 256 at 15×15*: 839, 608 (283, 246); 458, 338 (139, 141)
#   256 → 256 at   7×7:  663, 397 (214, 151); 385, 223 (111,  85)
#   256 → 384 at   7×7*: 983, 419 (319, 152); 548, 218 (165,  75)
#   384 → 384 at   3×3:  267, 154 ( 77,  56); 175,  77 ( 45,  27)
#    64 → 256 at 12×12*: 529, 372 (178, 145); 291, 211 ( 88,  84)
#   256 → 256 at   6×6:  479, 301 (152, 111); 255, 147 ( 79,  52)
# and another time, the median of 5:
#   128 → 128 at 15×15:  873, 668; 443, 356
#   128 → 128 at 12×12:  542, 374; 272, 189
#    64 → 128 at 15×15*: 442, 374; 229, 205
#   128 → 128 at   7×7:  171, 136;  96,  66
#   128 → 128 at   3×3:   32,  29;  19,  15
#    64 →  64 at 15×15:  217, 240; 118, 139, where it does not pay
# A step of `speednet` with widths of 64, 256 and 384 took 1.20 to 1.31 times as long by torch's at 32×32, and 1.36
# or 1.40 times at 25×25 pixels (bf16, batches of 1000, medians of 3 or 5 steps in turns, three and two runs). On a Xeon
# with AVX-512, in fp32 and an earlier order of the same sums, a step gained as much, but one of five rounds took five
# times as long, for reasons not found: so it has to be asked for.
MIN_CHANNELS, MIN_OUT_CHANNELS = 64, 128  # with AMX measured for 256 only, see side_by_side.py
MAX_PIXELS = 15  # on a side
MIN_BATCH = 64  # the smallest tried: the filters' own way to the points and back costs the same for any size

MAX_PIXELS_SIDE_BY_SIDE = 7  # in bf16; side_by_side.py has the figures


def has_faster_kernels(device: torch.device, precision: str) -> bool:
    """Returns whether there is another way that is faster, where and in the precision in which is computed."""
    if device.type != "cpu":
        return False
    return precision == "fp32" or (precision == "bf16" and multiplies_fastest_in_bf16(device))


def replace_convolutions(model: nn.Module) -> nn.Module:
    """Returns the model with every convolution that may gain computing so, on a CPU that `can_gain`.

    The weights are the same tensors under the same names. Other precisions and other devices compute as before, and few
    images at a time, as pictures are made of. A module may say in `pooled` which of its own convolutions' outputs go
    into a pooling and nowhere else, and the pooling's window: what the pooling would drop at the edge need not be
    computed.
    """
    windows: Mapping[str, int] = getattr(model, "pooled", {})
    for name, child in model.named_children():
        if isinstance(child, nn.Conv2d) and _may_gain(child):
            setattr(model, name, FastConv2d(child, window=windows.get(name, 1)))
        else:
            replace_convolutions(child)
    return model


class FastConv2d(nn.Conv2d):
    """A 3×3 convolution that computes in another way what torch's does, where its input's shape gains.

    With a `window` it may leave out the last rows and columns that fill no window of so many pixels.
    """

    def __init__(self, convolution: nn.Conv2d, *, window: int = 1) -> None:
        # On "meta" no weights are drawn: the random numbers that follow stay the same.
        super().__init__(convolution.in_channels, convolution.out_channels, kernel_size=3, padding=1, device="meta")
        self.weight, self.bias = convolution.weight, convolution.bias
        self.training = convolution.training
        self.window = window

    def forward(self, images: Tensor) -> Tensor:
        way = _faster_way(images, self.window)
        return super().forward(images) if way is None else self._with_bias(way(images, self.weight))

    def _with_bias(self, features: Tensor) -> Tensor:
        return features if self.bias is None else features + self.bias.to(features.dtype).view(-1, 1, 1)


def _may_gain(module: nn.Conv2d) -> bool:
    return (
        (module.kernel_size, module.stride, module.padding) == ((3, 3), (1, 1), (1, 1))
        and (module.dilation, module.groups, module.padding_mode) == ((1, 1), 1, "zeros")
        and module.in_channels >= MIN_CHANNELS
        and module.out_channels >= MIN_OUT_CHANNELS
    )


def _faster_way(images: Tensor, window: int) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Returns what convolves these images, (B, C, H, W), with filters faster than torch does; None if nothing does."""
    if images.device.type != "cpu" or images.dim() != 4 or len(images) < MIN_BATCH or min(images.shape[2:]) < window:
        return None
    pixels = max(images.shape[2:])
    if _in_bf16() and has_amx():
        gains = pixels <= MAX_PIXELS_SIDE_BY_SIDE and torch.is_grad_enabled()  # it is the gradients that it gains in
        return _side_by_side_in_bf16 if gains else None
    if pixels > MAX_PIXELS:
        return None
    if _in_bf16():
        return partial(_by_fewer_products_in_bf16, window=window)
    is_fp32 = images.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return partial(winograd_conv3x3, window=window) if is_fp32 else None


def _in_bf16() -> bool:
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


def _side_by_side_in_bf16(images: Tensor, weight: Tensor) -> Tensor:
    return packed_conv3x3(images.bfloat16(), weight.bfloat16())


def _by_fewer_products_in_bf16(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
    # Of the filters their values at the points are rounded, not they themselves.
    return winograd_conv3x3(images.bfloat16(), weight, window=window)

"""Chooses how a 3×3 convolution is computed on a CPU: by the table below, by torch where the table has no entry.

band_convolution.py computes narrow maps as a few large products. winograd.py needs fewer multiplications. On a CPU with
AMX, multiplications in bf16 are cheap: there packed_weight_gradient.py packs small maps together for the weight
gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from cifar_cli.hardware import has_amx
from cifar_cli.kernels.band_convolution import band_conv3x3
from cifar_cli.kernels.packed_weight_gradient import packed_conv3x3
from cifar_cli.kernels.winograd import winograd_conv3x3


def _bands(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
    return band_conv3x3(images, weight)


def _bands_bf16(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
    return band_conv3x3(images.bfloat16(), weight.bfloat16())


def _packed_bf16(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
    return packed_conv3x3(images.bfloat16(), weight.bfloat16())


def _winograd(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
    return winograd_conv3x3(images, weight, window=window)


def _winograd_bf16(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
    # The filters keep their precision: winograd_conv3x3 rounds their values at the points instead.
    return winograd_conv3x3(images.bfloat16(), weight, window=window)


@dataclass(frozen=True)
class FasterFor:
    """The shapes for which a kernel is the fastest: maps of at most max_side × max_side, at least min_batch images.

    in_training_only: whether only the gradients are faster.
    """

    kernel: Callable[..., Tensor]
    max_side: int
    min_batch: int
    in_training_only: bool = False


# By arithmetic; the first entry that holds for a shape counts. Measured: docs/experiments/fast_convolutions.md.
FASTER_KERNELS = {
    "bf16 with AMX": (
        FasterFor(_bands_bf16, max_side=1, min_batch=64),
        FasterFor(_bands_bf16, max_side=2, min_batch=128),
        FasterFor(_bands_bf16, max_side=3, min_batch=500),
        FasterFor(_packed_bf16, max_side=7, min_batch=64, in_training_only=True),
    ),
    "bf16": (
        FasterFor(_bands_bf16, max_side=1, min_batch=64),
        FasterFor(_bands_bf16, max_side=2, min_batch=256),
        FasterFor(_winograd_bf16, max_side=15, min_batch=64),
    ),
    "fp32": (
        FasterFor(_bands, max_side=1, min_batch=64),
        FasterFor(_bands, max_side=2, min_batch=256),
        FasterFor(_winograd, max_side=15, min_batch=64),
    ),
}


def faster_kernel(images: Tensor, window: int) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Returns a function that convolves images (B, C, H, W) faster than torch; None if there is none for this shape."""
    arithmetic = _arithmetic(images)
    if arithmetic is None or images.dim() != 4 or min(images.shape[2:]) < window:
        return None
    for entry in FASTER_KERNELS[arithmetic]:
        if max(images.shape[2:]) <= entry.max_side and len(images) >= entry.min_batch:
            if entry.in_training_only and not torch.is_grad_enabled():
                return None
            return partial(entry.kernel, window=window)
    return None


def _arithmetic(images: Tensor) -> str | None:
    """Returns the precision in which torch would convolve the images here; None for one without a faster kernel."""
    if images.device.type != "cpu":
        return None
    if not torch.is_autocast_enabled("cpu"):
        return "fp32" if images.dtype == torch.float32 else None
    if torch.get_autocast_dtype("cpu") != torch.bfloat16:
        return None
    return "bf16 with AMX" if has_amx() else "bf16"

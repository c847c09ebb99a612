"""BatchNorm with the activation behind it, by native.c: values and gradients are torch's, up to rounding.

torch reads the features anew for the mean, the variance, the normalization and the activation, and as often on the way
back. native.c reads them twice each way, and keeps nothing but the input: the rest is computed again on the way back.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from cifar_cli.kernels.native_calls import COEFFICIENTS, FUNCTIONS, MAX_PARTS, call, fits_by_pixel, is_bf16


class NormSettings(NamedTuple):
    """What a BatchNorm computes with, besides what gets gradients.

    activation: its number in native.c. running_mean, running_var: (C,), changed in place in training. training: with
    the mean and variance of the batch.
    """

    activation: int
    running_mean: Tensor | None
    running_var: Tensor | None
    training: bool
    momentum: float
    eps: float


def norm_activation(features: Tensor, weight: Tensor | None, bias: Tensor | None, settings: NormSettings) -> Tensor:
    """Returns the activation of the normalized features (B, C, H, W). weight, bias: (C,), or None.

    Only for what `fits_norm` takes.
    """
    activated: Tensor = _NormActivation.apply(features, weight, bias, settings)
    return activated


def fits_norm(features: Tensor, *of_channels: Tensor | None) -> bool:
    """Returns whether native.c can normalize the features; of_channels: weight, bias and statistics (C,)."""
    return fits_by_pixel(features) and all(
        tensor is None
        or (tensor.dtype == torch.float32 and tensor.is_contiguous() and tensor.shape == features.shape[1:2])
        for tensor in of_channels
    )


class _NormActivation(Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor | None, bias: Tensor | None, settings: NormSettings
    ) -> Tensor:
        channels = features.shape[1]
        activated, coefficients = torch.empty_like(features), torch.empty(COEFFICIENTS, channels)
        activation, running_mean, running_var, training, momentum, eps = settings
        call(
            "norm_forward",
            *(activation, is_bf16(features), features, activated, features.numel() // channels, channels),
            *(weight, bias, running_mean, running_var, training, momentum, eps, coefficients, _sums(channels)),
        )
        ctx.settings = settings
        ctx.save_for_backward(features, weight, bias, coefficients)
        return activated

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        features, weight, bias, coefficients = ctx.saved_tensors
        settings: NormSettings = ctx.settings
        if torch.is_grad_enabled():  # a second derivative is wanted
            return (*_backward_by_torch(gradient, features, weight, bias, settings), None)
        channels = features.shape[1]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        gradients = torch.empty_like(features), torch.empty(channels), torch.empty(channels)
        of_features, of_weight, of_bias = gradients
        call(
            "norm_backward",
            *(settings.activation, is_bf16(features), features, gradient, of_features),
            *(features.numel() // channels, channels, settings.training, coefficients),
            *(of_weight, of_bias, _sums(channels)),
        )
        needed = ctx.needs_input_grad[:3]
        wanted = [found if is_needed else None for found, is_needed in zip(gradients, needed, strict=True)]
        return wanted[0], wanted[1], wanted[2], None


def _backward_by_torch(
    gradient: Tensor, features: Tensor, weight: Tensor | None, bias: Tensor | None, settings: NormSettings
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Returns the gradients, as functions that have derivatives themselves."""
    statistics = (None, None) if settings.training else (settings.running_mean, settings.running_var)
    normalized = F.batch_norm(features, *statistics, weight, bias, settings.training, eps=settings.eps)
    activated = FUNCTIONS[settings.activation](normalized)
    wanted = [tensor for tensor in (features, weight, bias) if tensor is not None and tensor.requires_grad]
    found = dict(zip(map(id, wanted), torch.autograd.grad(activated, wanted, gradient, create_graph=True), strict=True))
    return found.get(id(features)), found.get(id(weight)), found.get(id(bias))


def _sums(channels: int) -> Tensor:
    """Returns room for the sums of each part of the rows."""
    return torch.empty(MAX_PARTS, 2, channels, dtype=torch.float64)

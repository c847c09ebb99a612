"""BatchNorm with the activation behind it, by native.c: values and gradients are torch's, up to rounding.

torch reads the features anew for the mean, the variance, the normalization and the activation, and as often on the way
back. native.c reads them twice each way, and keeps nothing but the input: the rest is computed again on the way back.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from cifar_cli.kernels.native_calls import (
    COEFFICIENTS,
    FUNCTIONS,
    MAX_PARTS,
    NO_ACTIVATION,
    call,
    fits_by_pixel,
    is_bf16,
)


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


def norm_activation(
    features: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    settings: NormSettings,
    *,
    shortcut: Tensor | None = None,
) -> Tensor:
    """Returns the activation of the normalized features (B, C, H, W). weight, bias: (C,), or None.

    shortcut: what is added to the normalized features, as large as they are, before the activation SUM_RELU. Only for
    what `fits_norm`, and for a sum `fits_sum`, takes.
    """
    activated: Tensor = _NormActivation.apply(features, weight, bias, shortcut, settings)
    return activated


def fits_norm(features: Tensor, *of_channels: Tensor | None) -> bool:
    """Returns whether native.c can normalize the features; of_channels: weight, bias and statistics (C,)."""
    return fits_by_pixel(features) and all(
        tensor is None
        or (tensor.dtype == torch.float32 and tensor.is_contiguous() and tensor.shape == features.shape[1:2])
        for tensor in of_channels
    )


def fits_sum(features: Tensor, shortcut: Tensor) -> bool:
    """Returns whether native.c can add the shortcut to the features that it normalizes."""
    return fits_by_pixel(shortcut) and (shortcut.dtype, shortcut.shape) == (features.dtype, features.shape)


class _NormActivation(Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        shortcut: Tensor | None,
        settings: NormSettings,
    ) -> Tensor:
        channels = features.shape[1]
        activated, coefficients = torch.empty_like(features), torch.empty(COEFFICIENTS, channels)
        activation, running_mean, running_var, training, momentum, eps = settings
        call(
            "norm_forward",
            *(activation, is_bf16(features), features, shortcut, activated, features.numel() // channels, channels),
            *(weight, bias, running_mean, running_var, training, momentum, eps, coefficients, _sums(channels)),
        )
        ctx.settings = settings
        # The sign of the sum is the output's, which the next layer keeps too; the shortcut might be kept by nobody.
        output = None if shortcut is None else activated
        ctx.save_for_backward(features, weight, bias, coefficients, output)
        return activated

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, bias, coefficients, output = ctx.saved_tensors
        settings: NormSettings = ctx.settings
        if torch.is_grad_enabled():  # a second derivative is wanted
            return (*_backward_by_torch(gradient, features, weight, bias, output, settings), None)
        channels = features.shape[1]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_features, of_weight, of_bias = torch.empty_like(features), torch.empty(channels), torch.empty(channels)
        of_shortcut = of_features if output is None else torch.empty_like(features)
        call(
            "norm_backward",
            *(settings.activation, is_bf16(features), features, output, gradient, of_shortcut, of_features),
            *(features.numel() // channels, channels, settings.training, coefficients),
            *(of_weight, of_bias, _sums(channels)),
        )
        found = (of_features, of_weight, of_bias, of_shortcut, None)
        needed = ctx.needs_input_grad
        return tuple(gradient if is_needed else None for gradient, is_needed in zip(found, needed, strict=True))


def _backward_by_torch(
    gradient: Tensor,
    features: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    output: Tensor | None,
    settings: NormSettings,
) -> tuple[Tensor | None, ...]:
    """Returns the gradients, as functions that have derivatives themselves."""
    activation, of_shortcut = settings.activation, None
    if output is not None:  # the gradient of the sum is that of both terms
        activation, of_shortcut = NO_ACTIVATION, gradient.masked_fill(output <= 0, 0)
    statistics = (None, None) if settings.training else (settings.running_mean, settings.running_var)
    normalized = F.batch_norm(features, *statistics, weight, bias, settings.training, eps=settings.eps)
    activated = FUNCTIONS[activation](normalized)
    wanted = [tensor for tensor in (features, weight, bias) if tensor is not None and tensor.requires_grad]
    arriving = gradient if of_shortcut is None else of_shortcut
    gradients = torch.autograd.grad(activated, wanted, arriving, create_graph=True) if wanted else ()
    found = dict(zip(map(id, wanted), gradients, strict=True))
    return found.get(id(features)), found.get(id(weight)), found.get(id(bias)), of_shortcut


def _sums(channels: int) -> Tensor:
    """Returns room for the sums of each part of the rows."""
    return torch.empty(MAX_PARTS, 2, channels, dtype=torch.float64)

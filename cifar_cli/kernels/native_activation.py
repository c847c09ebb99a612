"""ReLU, GELU and SiLU by native.c: values and gradients are torch's, up to rounding."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from cifar_cli.kernels.native_calls import FUNCTIONS, RELU, call, fits, is_bf16


def activate(features: Tensor, activation: int, *, inplace: bool = False) -> Tensor:
    """Returns the activation of features of any shape. activation: its number in native.c.

    inplace: overwrites the features; only ReLU, whose gradient its output tells. Only for what `fits_activation` takes.
    """
    activated: Tensor = _Activation.apply(features, activation, inplace)
    return activated


def fits_activation(features: Tensor, activation: int, *, inplace: bool) -> bool:
    """Returns whether native.c can activate the features; a part of another tensor is not overwritten."""
    return fits(features) and not (inplace and (activation != RELU or features._is_view()))


class _Activation(Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, activation: int, inplace: bool) -> Tensor:
        activated = features if inplace else torch.empty_like(features)
        call("activation", activation, is_bf16(features), features, None, activated, features.numel())
        if inplace:
            ctx.mark_dirty(features)
        ctx.activation = activation
        ctx.save_for_backward(activated if activation == RELU else features)
        return activated

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (features,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted
            activated = FUNCTIONS[ctx.activation](features)
            return torch.autograd.grad(activated, features, gradient, create_graph=True)[0], None, None
        order = torch.contiguous_format if features.is_contiguous() else torch.channels_last
        gradient, of_features = gradient.contiguous(memory_format=order), torch.empty_like(features)
        call("activation", ctx.activation, is_bf16(features), features, gradient, of_features, features.numel())
        return of_features, None, None

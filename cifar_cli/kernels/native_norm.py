"""BatchNorm and its activation in one pass over memory, by native.c: values and gradients are torch's, up to rounding.

torch takes four passes forward (mean, variance, normalization, activation) and as many backward; these kernels take two
of each, and keep the input only: the normalized values are computed again on the way back.
"""

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from cifar_cli.kernels.native_library import native_library

# Numbers and sizes of native.c.
NO_ACTIVATION = 0
CODES: Mapping[type[nn.Module], int] = {nn.ReLU: 1, nn.GELU: 2, nn.SiLU: 3}
FUNCTIONS: Mapping[int, Callable[[Tensor], Tensor]] = {NO_ACTIVATION: lambda z: z, 1: F.relu, 2: F.gelu, 3: F.silu}
COEFFICIENTS = 7
MAX_PARTS = 64

_POINTER, _INT, _LONG, _DOUBLE = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_double
_FORWARD = (
    *(_INT, _INT, _POINTER, _POINTER, _LONG, _LONG, _POINTER, _POINTER, _POINTER, _POINTER),
    *(_INT, _DOUBLE, _DOUBLE, _POINTER, _POINTER, _INT),
)
_BACKWARD = (
    *(_INT, _INT, _POINTER, _POINTER, _POINTER, _LONG, _LONG, _INT),
    *(_POINTER, _POINTER, _POINTER, _POINTER, _INT),
)


class NormSettings(NamedTuple):
    """What a BatchNorm computes with, besides tensors that need gradients.

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
    """Returns the activation of the normalized features (B, C, H, W), channels_last, in fp32 or bf16.

    weight, bias: (C,) in fp32, or None. `fits` tells for which arguments this may be called.
    """
    activated: Tensor = _NormActivation.apply(features, weight, bias, settings)
    return activated


def fits(features: Tensor, *of_channels: Tensor | None) -> bool:
    """Returns whether the kernels can take these features, with these tensors of a number for each channel."""
    return (
        type(features) is Tensor  # no fake tensor, whose values do not exist
        and features.device.type == "cpu"
        and features.dtype in (torch.float32, torch.bfloat16)
        and features.dim() == 4
        and features.numel() > 0
        and features.is_contiguous(memory_format=torch.channels_last)
        and all(
            tensor is None
            or (tensor.dtype == torch.float32 and tensor.is_contiguous() and len(tensor) == features.shape[1])
            for tensor in of_channels
        )
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    )


class _NormActivation(Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor | None, bias: Tensor | None, settings: NormSettings
    ) -> Tensor:
        channels = features.shape[1]
        activated = torch.empty_like(features)
        coefficients = torch.empty(COEFFICIENTS, channels)
        _call(
            "norm_forward",
            _FORWARD,
            settings.activation,
            features.dtype == torch.bfloat16,
            features,
            activated,
            features.numel() // channels,
            channels,
            weight,
            bias,
            settings.running_mean,
            settings.running_var,
            settings.training,
            settings.momentum,
            settings.eps,
            coefficients,
            _sums(channels),
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
        of_features = torch.empty_like(features)
        of_weight, of_bias = torch.empty(2, channels).unbind()
        _call(
            "norm_backward",
            _BACKWARD,
            settings.activation,
            features.dtype == torch.bfloat16,
            features,
            gradient.contiguous(memory_format=torch.channels_last),
            of_features,
            features.numel() // channels,
            channels,
            settings.training,
            coefficients,
            of_weight,
            of_bias,
            _sums(channels),
        )
        needs_features, needs_weight, needs_bias, _ = ctx.needs_input_grad
        return (
            of_features if needs_features else None,
            of_weight if needs_weight else None,
            of_bias if needs_bias else None,
            None,
        )


def _backward_by_torch(
    gradient: Tensor, features: Tensor, weight: Tensor | None, bias: Tensor | None, settings: NormSettings
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Returns the gradients as functions that have derivatives themselves."""
    statistics = (None, None) if settings.training else (settings.running_mean, settings.running_var)
    normalized = F.batch_norm(features, *statistics, weight, bias, settings.training, eps=settings.eps)
    activated = FUNCTIONS[settings.activation](normalized)
    wanted = [tensor for tensor in (features, weight, bias) if tensor is not None and tensor.requires_grad]
    found = dict(zip(map(id, wanted), torch.autograd.grad(activated, wanted, gradient, create_graph=True), strict=True))
    return found.get(id(features)), found.get(id(weight)), found.get(id(bias))


def _sums(channels: int) -> Tensor:
    return torch.empty(MAX_PARTS, 2, channels, dtype=torch.float64)


def _call(name: str, types: tuple[Any, ...], *arguments: Tensor | float | None) -> None:
    """Calls a function of native.c: a tensor by its address, None as a null pointer; threads are added at the end."""
    library = native_library().library
    assert library is not None
    function = getattr(library, name)
    function.argtypes = types
    function.restype = None
    values = (value.data_ptr() if isinstance(value, Tensor) else value for value in arguments)
    function(*values, torch.get_num_threads())

"""Calls the functions of native.c with tensors, and tells which tensors they take."""

import ctypes
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.kernels.native_library import native_library

# As in native.c.
NO_ACTIVATION, RELU, GELU, SILU, SUM_RELU = range(5)
COEFFICIENTS = 6
MAX_PARTS = 64

CODES: Mapping[type[nn.Module], int] = {nn.ReLU: RELU, nn.GELU: GELU, nn.SiLU: SILU}
FUNCTIONS: Mapping[int, Callable[[Tensor], Tensor]] = {
    NO_ACTIVATION: lambda features: features,
    RELU: F.relu,
    GELU: F.gelu,
    SILU: F.silu,
}

# The arguments of each function but for the last, the number of threads: int, long, double, or p for a pointer.
_ARGUMENTS = {
    "norm_forward": "iippp ll pppp i dd pp",
    "norm_backward": "iippppp ll i pppp",
    "activation": "iippp l",
    "max_pool": "iippp i llll",
}
_TYPES: Mapping[str, Any] = {"i": ctypes.c_int, "l": ctypes.c_long, "d": ctypes.c_double, "p": ctypes.c_void_p}


def call(function: str, *arguments: Tensor | float | None) -> None:
    """Calls a function of native.c: a tensor becomes its address, None a null pointer; the threads are torch's."""
    addresses = [value.data_ptr() if isinstance(value, Tensor) else value for value in arguments]
    _native(function)(*addresses, torch.get_num_threads())


@cache
def _native(function: str) -> Callable[..., None]:
    """Returns a function of native.c, with the types of its arguments."""
    library = native_library().library
    assert library is not None
    native = library[function]
    native.argtypes = [_TYPES[letter] for letter in _ARGUMENTS[function] + "i" if letter != " "]
    native.restype = None
    return native


def activation_code(activation: nn.Module) -> int:
    """Returns the number in native.c of a ReLU, GELU or SiLU."""
    return next(code for kind, code in CODES.items() if isinstance(activation, kind))


def fits(features: Tensor) -> bool:
    """Returns whether native.c can read these features number by number: fp32 or bf16, without gaps, on the CPU."""
    return (
        type(features) is Tensor  # no fake tensor, which has no values
        and features.device.type == "cpu"
        and features.dtype in (torch.float32, torch.bfloat16)
        and features.numel() > 0
        and (features.is_contiguous(memory_format=torch.channels_last) or features.is_contiguous())
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    )


def fits_by_pixel(features: Tensor) -> bool:
    """Returns whether native.c can read these features (B, C, H, W) pixel by pixel: as `fits`, in channels_last."""
    return fits(features) and features.is_contiguous(memory_format=torch.channels_last)


def is_bf16(features: Tensor) -> bool:
    """Returns whether the features that fit are in bf16."""
    return features.dtype == torch.bfloat16

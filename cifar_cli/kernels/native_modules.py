"""Replaces a network's BatchNorms, activations and 2×2 max poolings by modules that compute by native.c.

Weights, names and settings stay; what native.c does not take is computed as torch does.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from cifar_cli.kernels.native_activation import activate, fits_activation
from cifar_cli.kernels.native_batch_norm import MARK, NORMALIZED, NativeBatchNorm2d, has_hook
from cifar_cli.kernels.native_calls import activation_code, fits
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_pool import fits_pool, max_pool2x2

LEFT_TO_POOLING = "relu_left_to"  # attribute of features whose ReLU a pooling computes, which it names


def replace_by_native(model: nn.Module) -> nn.Module:
    """Returns the model; its BatchNorms, activations and 2×2 max poolings become native, in place.

    A BatchNorm that only an activation reads computes that too: in an nn.Sequential, or where a module has a mapping
    `activated` from the name of a BatchNorm to that of the activation. In a residual block, a mapping `added` names
    each BatchNorm that is only added to a tensor, and the ReLU that alone reads the sum: both are computed together.
    A ReLU that only a pooling reads, in an nn.Sequential or by a mapping `max_pooled`, is left to the pooling.
    """
    uses = Counter(id(child) for parent in model.modules() for child in parent._modules.values())
    for parent in list(model.modules()):
        for norm, activation in (*_in_sequence(parent), *_named(parent, "activated")):
            if type(norm) is nn.BatchNorm2d and _is_native_activation(activation) and uses[id(norm)] == 1:
                norm.__dict__["activation"] = activation  # not as a submodule: names stay
        for norm, relu in _named(parent, "added"):
            if type(norm) is nn.BatchNorm2d and type(relu) is nn.ReLU and uses[id(norm)] == 1:
                norm.__dict__.update(activation=relu, is_added=True)
        for relu, pool in (*_in_sequence(parent), *_named(parent, "max_pooled")):
            if type(relu) is nn.ReLU and type(pool) is nn.MaxPool2d and _is_2x2(pool) and uses[id(relu)] == 1:
                relu.__dict__["pool"] = pool
    for module in model.modules():
        # Another class, not another module: weights, hooks and settings stay as they are.
        if type(module) is nn.BatchNorm2d:
            module.__class__ = NativeBatchNorm2d
        elif _is_native_activation(module):
            module.__class__ = ACTIVATIONS[type(module)]
        elif type(module) is nn.MaxPool2d and _is_2x2(module):
            module.__class__ = NativeMaxPool2d
    return model


def has_native_kernels(device: torch.device) -> bool:
    """Returns whether the native kernels exist for this device, on this machine."""
    return device.type == "cpu" and native_library().library is not None


class _NativeActivation(nn.Module):
    """An activation by native.c. It returns features as they are if its BatchNorm has activated them."""

    def forward(self, features: Tensor) -> Tensor:
        if features.__dict__.get(MARK) is self:
            del features.__dict__[MARK]  # applied once, as often as its BatchNorm was
            return features
        inplace = getattr(self, "inplace", False)
        # ReLU and SiLU alone are as fast by torch. Behind a BatchNorm with a hook they round as without the hook.
        is_wanted = isinstance(self, nn.GELU) or features.__dict__.get(NORMALIZED) is self
        if is_wanted and fits_activation(features, activation_code(self), inplace=inplace):
            return activate(features, activation_code(self), inplace=inplace)
        result: Tensor = super().forward(features)
        return result


class NativeReLU(_NativeActivation, nn.ReLU):
    """A ReLU by native.c, which leaves its work to a pooling that alone reads it: a quarter of the numbers."""

    pool: nn.Module | None = None

    def forward(self, features: Tensor) -> Tensor:
        is_first = self.pool is None or MARK in features.__dict__ or has_hook(self) or has_hook(self.pool)
        if is_first or not fits(features):
            return super().forward(features)
        features.__dict__[LEFT_TO_POOLING] = self.pool
        return features


class NativeGELU(_NativeActivation, nn.GELU):
    """A GELU by native.c."""


class NativeSiLU(_NativeActivation, nn.SiLU):
    """A SiLU by native.c."""


class NativeMaxPool2d(nn.MaxPool2d):
    """A 2×2 max pooling by native.c, with the ReLU that is left to it."""

    def forward(self, features: Tensor) -> Tensor:
        relu = features.__dict__.get(LEFT_TO_POOLING) is self
        if relu:
            del features.__dict__[LEFT_TO_POOLING]
        # Rounded up, an odd side has a last window of one pixel.
        is_whole = not self.ceil_mode or all(side % 2 == 0 for side in features.shape[-2:])
        if fits_pool(features) and is_whole:
            return max_pool2x2(features, relu=relu)
        pooled: Tensor = super().forward(nn.functional.relu(features) if relu else features)
        return pooled


ACTIVATIONS: Mapping[type[nn.Module], type[nn.Module]] = {
    nn.ReLU: NativeReLU,
    nn.GELU: NativeGELU,
    nn.SiLU: NativeSiLU,
}


for _native, _named_as in (
    (NativeBatchNorm2d, nn.BatchNorm2d),
    (NativeReLU, nn.ReLU),
    (NativeGELU, nn.GELU),
    (NativeSiLU, nn.SiLU),
    (NativeMaxPool2d, nn.MaxPool2d),
):
    _native.__name__ = _named_as.__name__  # what tables and error messages call the layer: it is what it was


def _in_sequence(parent: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Yields each two layers of an nn.Sequential of which the second alone reads the first."""
    if type(parent).forward is nn.Sequential.forward:
        yield from pairwise(parent._modules.values())  # children() leaves out twins


def _named(parent: nn.Module, mapping: str) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Yields the layers that a mapping of the module pairs by their names."""
    names: Mapping[str, str] = getattr(parent, mapping, {})
    for first, second in names.items():
        layers = parent._modules.get(first), parent._modules.get(second)
        if layers[0] is not None and layers[1] is not None:
            yield layers[0], layers[1]


def _is_native_activation(module: nn.Module) -> bool:
    return type(module) in ACTIVATIONS and getattr(module, "approximate", "none") == "none"


def _is_2x2(pool: nn.MaxPool2d) -> bool:
    pairs = [value if isinstance(value, tuple) else (value, value) for value in (pool.kernel_size, pool.stride)]
    plain = (pool.padding, pool.dilation) in ((0, 1), ((0, 0), (1, 1)))
    return pairs == [(2, 2), (2, 2)] and plain and not pool.return_indices

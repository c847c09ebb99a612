"""Replaces a network's BatchNorms, activations and 2×2 max poolings by modules that compute by native.c.

Weights, names and settings stay; what native.c does not take is computed as torch does.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from cifar_cli.kernels.native_activation import activate, fits_activation
from cifar_cli.kernels.native_batch_norm import MARK, NORMALIZED, NativeBatchNorm2d
from cifar_cli.kernels.native_calls import activation_code
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_pool import fits_pool, max_pool2x2


def replace_by_native(model: nn.Module) -> nn.Module:
    """Returns the model; its BatchNorms, activations and 2×2 max poolings become native, in place.

    A BatchNorm that only an activation reads computes that too: in an nn.Sequential, or where a module has a mapping
    `activated` from the name of a BatchNorm to that of the activation. In a residual block, a mapping `added` names
    each BatchNorm that is only added to a tensor, and the ReLU that alone reads the sum: both are computed together.
    """
    uses = Counter(id(child) for parent in model.modules() for child in parent._modules.values())
    for parent in list(model.modules()):
        for norm, activation, is_added in _pairs(parent):
            is_native = type(activation) is nn.ReLU if is_added else _is_native_activation(activation)
            if type(norm) is nn.BatchNorm2d and is_native and uses[id(norm)] == 1:
                norm.__dict__.update(activation=activation, is_added=is_added)  # not as a submodule: names stay
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
    """A ReLU by native.c."""


class NativeGELU(_NativeActivation, nn.GELU):
    """A GELU by native.c."""


class NativeSiLU(_NativeActivation, nn.SiLU):
    """A SiLU by native.c."""


class NativeMaxPool2d(nn.MaxPool2d):
    """A 2×2 max pooling by native.c."""

    def forward(self, features: Tensor) -> Tensor:
        # Rounded up, an odd side has a last window of one pixel.
        is_whole = not self.ceil_mode or all(side % 2 == 0 for side in features.shape[-2:])
        if fits_pool(features) and is_whole:
            return max_pool2x2(features)
        pooled: Tensor = super().forward(features)
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


def _pairs(parent: nn.Module) -> Iterator[tuple[nn.Module, nn.Module, bool]]:
    """Yields each module whose output only the other reads, and whether it is added to something before."""
    layers = {name: module for name, module in parent._modules.items() if module is not None}  # children() has no twins
    if type(parent).forward is nn.Sequential.forward:
        yield from ((*pair, False) for pair in pairwise(layers.values()))
    for mapping in ("activated", "added"):
        names: Mapping[str, str] = getattr(parent, mapping, {})
        for norm, activation in names.items():
            if norm in layers and activation in layers:
                yield layers[norm], layers[activation], mapping == "added"


def _is_native_activation(module: nn.Module) -> bool:
    return type(module) in ACTIVATIONS and getattr(module, "approximate", "none") == "none"


def _is_2x2(pool: nn.MaxPool2d) -> bool:
    pairs = [value if isinstance(value, tuple) else (value, value) for value in (pool.kernel_size, pool.stride)]
    plain = (pool.padding, pool.dilation) in ((0, 1), ((0, 0), (1, 1)))
    return pairs == [(2, 2), (2, 2)] and plain and not pool.return_indices

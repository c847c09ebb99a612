"""Replaces a network's BatchNorms, activations and 2×2 max poolings by modules that compute by native.c.

Weights, names and settings stay; what native.c does not take is computed as torch does.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from cifar_cli.kernels.native_activation import activate, fits_activation
from cifar_cli.kernels.native_calls import CODES, NO_ACTIVATION
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_norm import NormSettings, fits_norm, norm_activation
from cifar_cli.kernels.native_pool import fits_pool, max_pool2x2

# Attributes of features from a BatchNorm, which name its activation: they have been through it, or are only normalized.
MARK, NORMALIZED = "activated_for", "normalized_for"


def replace_by_native(model: nn.Module) -> nn.Module:
    """Returns the model; its BatchNorms, activations and 2×2 max poolings become native, in place.

    A BatchNorm that only an activation reads computes that too: in an nn.Sequential, or where a module has a mapping
    `activated` from the name of a BatchNorm to that of the activation.
    """
    uses = Counter(id(child) for parent in model.modules() for child in parent._modules.values())
    for parent in list(model.modules()):
        for norm, activation in _pairs(parent):
            if type(norm) is nn.BatchNorm2d and _is_native_activation(activation) and uses[id(norm)] == 1:
                norm.__dict__["activation"] = activation  # not as a submodule: names stay
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


class NativeBatchNorm2d(nn.BatchNorm2d):
    """A BatchNorm that computes by native.c, and the activation behind it in the same pass, unless a hook looks on.

    Features that are already activated carry a mark, so that the activation lets them pass.
    """

    activation: nn.Module | None = None

    def forward(self, features: Tensor) -> Tensor:
        of_channels = (self.weight, self.bias, self.running_mean, self.running_var)
        by_batch = self.training or self.running_mean is None
        pixels = features.numel() // self.num_features
        if not fits_norm(features, *of_channels) or (
            by_batch and pixels < 2
        ):  # torch says what is wrong with one pixel
            return super().forward(features)
        activation = self.activation
        if activation is None or _has_hook(self) or _has_hook(activation):
            normalized = norm_activation(features, self.weight, self.bias, self._settings(NO_ACTIVATION))
            normalized.__dict__[NORMALIZED] = activation
            return normalized
        activated = norm_activation(features, self.weight, self.bias, self._settings(_code(activation)))
        activated.__dict__[MARK] = activation
        return activated

    def _settings(self, code: int) -> NormSettings:
        """Returns the settings, and counts the batch in training, as torch does."""
        by_batch = self.training or self.running_mean is None
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean over all batches
                momentum = 1.0 / float(self.num_batches_tracked)
        is_updated = self.training and self.track_running_stats
        statistics = (self.running_mean, self.running_var) if is_updated or not by_batch else (None, None)
        return NormSettings(code, *statistics, by_batch, momentum, self.eps)


class _NativeActivation(nn.Module):
    """An activation by native.c. It returns features as they are if its BatchNorm has activated them."""

    def forward(self, features: Tensor) -> Tensor:
        if features.__dict__.get(MARK) is self:
            del features.__dict__[MARK]  # applied once, as often as its BatchNorm was
            return features
        inplace = getattr(self, "inplace", False)
        # GELU and SiLU alone are faster by torch. Behind a BatchNorm with a hook they round as without the hook.
        is_wanted = isinstance(self, nn.ReLU) or features.__dict__.get(NORMALIZED) is self
        if is_wanted and fits_activation(features, _code(self), inplace=inplace):
            return activate(features, _code(self), inplace=inplace)
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


def _pairs(parent: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Yields each module whose output only the other reads."""
    layers = {name: module for name, module in parent._modules.items() if module is not None}  # children() has no twins
    if type(parent).forward is nn.Sequential.forward:
        yield from pairwise(layers.values())
    names: Mapping[str, str] = getattr(parent, "activated", {})
    for norm, activation in names.items():
        if norm in layers and activation in layers:
            yield layers[norm], layers[activation]


def _is_native_activation(module: nn.Module) -> bool:
    return type(module) in ACTIVATIONS and getattr(module, "approximate", "none") == "none"


def _is_2x2(pool: nn.MaxPool2d) -> bool:
    pairs = [value if isinstance(value, tuple) else (value, value) for value in (pool.kernel_size, pool.stride)]
    plain = (pool.padding, pool.dilation) in ((0, 1), ((0, 0), (1, 1)))
    return pairs == [(2, 2), (2, 2)] and plain and not pool.return_indices


def _code(activation: nn.Module) -> int:
    return next(code for kind, code in CODES.items() if isinstance(activation, kind))


def _has_hook(module: nn.Module) -> bool:
    """Returns whether somebody looks at what the module takes or gives: then it has to be what its name says."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or _has_any_global_hook()
    )

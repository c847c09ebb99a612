"""Replaces a network's BatchNorms and activations by modules that compute by native.c, for the tensors that it takes.

Weights, names and settings stay; where a kernel does not take a tensor, the module computes as torch does.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_norm import CODES, NO_ACTIVATION, NormSettings, fits, norm_activation

MARK = "activated_for"  # an attribute of features, which names the activation that they have been through


def replace_by_native(model: nn.Module) -> nn.Module:
    """Returns the model; its BatchNorms and activations become native, in place.

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
        if not fits(features, *of_channels) or (by_batch and pixels < 2):  # torch says what is wrong with one pixel
            return super().forward(features)
        activation = self.activation
        if activation is None or _has_hook(self) or _has_hook(activation):
            return norm_activation(features, self.weight, self.bias, self._settings(NO_ACTIVATION))
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


class _LetsActivatedPass(nn.Module):
    """An activation that returns features as they are if its BatchNorm has activated them."""

    def forward(self, features: Tensor) -> Tensor:
        if features.__dict__.get(MARK) is self:
            del features.__dict__[MARK]  # applied once, as often as its BatchNorm was
            return features
        result: Tensor = super().forward(features)
        return result


class NativeReLU(_LetsActivatedPass, nn.ReLU):
    """A ReLU behind a native BatchNorm."""


class NativeGELU(_LetsActivatedPass, nn.GELU):
    """A GELU behind a native BatchNorm."""


class NativeSiLU(_LetsActivatedPass, nn.SiLU):
    """A SiLU behind a native BatchNorm."""


ACTIVATIONS: Mapping[type[nn.Module], type[nn.Module]] = {
    nn.ReLU: NativeReLU,
    nn.GELU: NativeGELU,
    nn.SiLU: NativeSiLU,
}


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

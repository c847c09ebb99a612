"""nn.BatchNorm2d by native.c: a layer that also computes the activation behind it, and an addition between the two."""

from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from cifar_cli.kernels.native_calls import NO_ACTIVATION, SUM_RELU, activation_code
from cifar_cli.kernels.native_norm import NormSettings, fits_norm, fits_sum, norm_activation

# Attributes of features from a BatchNorm, which name its activation: they have been through it, or are only normalized.
MARK, NORMALIZED = "activated_for", "normalized_for"


class NativeBatchNorm2d(nn.BatchNorm2d):
    """A BatchNorm that computes by native.c, and the activation behind it in the same pass, unless a hook looks on.

    Features that are already activated carry a mark, so that the activation lets them pass. With `is_added`, there is
    an addition between: the BatchNorm gives a Summand, which computes all three when it is added.
    """

    activation: nn.Module | None = None
    is_added = False

    def forward(self, features: Tensor) -> "Tensor | Summand":  # type: ignore[override]
        of_channels = (self.weight, self.bias, self.running_mean, self.running_var)
        by_batch = self.training or self.running_mean is None
        pixels = features.numel() // self.num_features
        # Of one pixel, torch says what is wrong.
        if not fits_norm(features, *of_channels) or (by_batch and pixels < 2):
            return super().forward(features)
        if self.activation is None or has_hook(self) or has_hook(self.activation):
            return self.normalized(features)
        if self.is_added:
            return Summand(self, features)
        return self.activated(features, activation_code(self.activation))

    def normalized(self, features: Tensor) -> Tensor:
        """Returns the normalized features, as a BatchNorm does. Only for features that fit."""
        normalized = norm_activation(features, self.weight, self.bias, self._settings(NO_ACTIVATION))
        normalized.__dict__[NORMALIZED] = self.activation
        return normalized

    def activated(self, features: Tensor, code: int, *, shortcut: Tensor | None = None) -> Tensor:
        """Returns the activated features, or their activated sum with the shortcut. Only for features that fit."""
        settings = self._settings(code)
        activated = norm_activation(features, self.weight, self.bias, settings, shortcut=shortcut)
        activated.__dict__[MARK] = self.activation
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


class Summand:
    """The output of a BatchNorm that is only added to a tensor, not computed yet: `+` computes it with the sum's ReLU.

    The sum is marked as activated. Where native.c does not take the other term, it is a sum as any other.
    """

    def __init__(self, norm: NativeBatchNorm2d, features: Tensor) -> None:
        self._norm, self._features = norm, features

    def __add__(self, shortcut: Tensor) -> Tensor:
        if fits_sum(self._features, shortcut):
            return self._norm.activated(self._features, SUM_RELU, shortcut=shortcut)
        return self._norm.normalized(self._features) + shortcut

    __radd__ = __add__


def has_hook(module: nn.Module) -> bool:
    """Returns whether somebody looks at what the module takes or gives: then it has to be what its name says."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or _has_any_global_hook()
    )

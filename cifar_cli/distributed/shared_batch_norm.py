"""BatchNorm over a batch that several processes share: what torch's SyncBatchNorm is on a GPU, for the CPU too."""

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm


def share_batch_norms(model: nn.Module, device: torch.device) -> nn.Module:
    """Returns the model with every BatchNorm taking mean and variance over all processes' images.

    The weights and averages are the same tensors under the same names. An InstanceNorm is left alone: it looks at one
    image at a time, but for the averages that it may keep.
    """
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return converted
    for name, child in model.named_children():
        setattr(model, name, SharedBatchNorm(child) if isinstance(child, _BatchNorm) else child)
        share_batch_norms(child, device)
    return model


class SharedBatchNorm(_BatchNorm):
    """(x − mean) / √(variance + eps) · weight + bias, per channel, over the images of all processes.

    Takes (B, C) or (B, C, …), gives the same shape; a process's own batch may be empty. Source: Ioffe and Szegedy,
    arXiv:1502.03167.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.training = norm.training

    def _check_input_dim(self, input: Tensor) -> None:
        assert input.dim() >= 2, input.shape

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:  # as it may be asked by one process alone, it must not wait for the others
            return super().forward(features) if len(features) else features
        x = features.float()
        per_channel = (1, -1) + (1,) * (x.dim() - 2)
        all_but_channels = [0, *range(2, x.dim())]
        count = _sum_over_processes(x.new_tensor(x.numel() / self.num_features))
        mean = _sum_over_processes(x.sum(all_but_channels)) / count  # (C,)
        # Two passes: the mean of squares less the square of the mean would lose digits.
        centered = x - mean.view(per_channel)
        variance = _sum_over_processes(centered.square().sum(all_but_channels)) / count  # (C,)
        if count < 2:
            raise ValueError("expected more than one value per channel to train BatchNorm on, found one")
        self._move_averages(mean.detach(), variance.detach() * count / (count - 1))
        normalized = centered * (variance + self.eps).rsqrt().view(per_channel)
        if self.affine:
            normalized = normalized * self.weight.view(per_channel) + self.bias.view(per_channel)
        return normalized.to(features.dtype)

    def _move_averages(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(unbiased_variance, share)


def _sum_over_processes(values: Tensor) -> Tensor:
    summed: Tensor = _Sum.apply(values)
    return summed


class _Sum(Function):
    """The sum over all processes. Every process's result depends on this one's values, so gradients are summed too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.contiguous().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed

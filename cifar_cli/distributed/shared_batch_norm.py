"""BatchNorm over a batch that is split among processes, for the CPU too: torch's SyncBatchNorm needs a GPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def share_batch_norms(model: nn.Module, device: torch.device) -> nn.Module:
    """Returns the model, with every BatchNorm replaced by one whose mean and variance are over all processes' images.

    Weights and running statistics stay the same tensors under the same names. An InstanceNorm stays: it normalizes each
    image by itself (shared_instance_norm.py).
    """
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return converted
    for name, child in model.named_children():
        setattr(model, name, SharedBatchNorm(child) if isinstance(child, BATCH_NORMS) else child)
        share_batch_norms(child, device)
    return model


class SharedBatchNorm(nn.BatchNorm2d):
    """Normalizes each channel over the images of all processes: (x − mean) / √(variance + eps) · weight + bias.

    Takes (B, C) or (B, C, …) and returns the same shape; a process's own batch may be empty. A subclass of BatchNorm2d,
    so that code which looks for normalization layers finds it. Source: Ioffe and Szegedy, arXiv:1502.03167.
    """

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.training = norm.training

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:  # one process may evaluate alone, so evaluation must not wait for the others
            return self._evaluate(features) if len(features) else features
        x = features.float()
        per_channel = (1, -1) + (1,) * (x.dim() - 2)
        all_but_channels = [0, *range(2, x.dim())]
        count = _sum_over_processes(x.new_tensor(x.numel() / self.num_features))
        mean = _sum_over_processes(x.sum(all_but_channels)) / count  # (C,)
        # Two passes: the mean of squares minus the square of the mean would lose digits.
        centered = x - mean.view(per_channel)
        variance = _sum_over_processes(centered.square().sum(all_but_channels)) / count  # (C,)
        if count < 2:
            raise ValueError("expected more than one value per channel to train BatchNorm on, found one")
        self._update_running_stats(mean.detach(), variance.detach() * count / (count - 1))
        normalized = centered * (variance + self.eps).rsqrt().view(per_channel)
        if self.affine:
            normalized = normalized * self.weight.view(per_channel) + self.bias.view(per_channel)
        return normalized.to(features.dtype)

    def _evaluate(self, features: Tensor) -> Tensor:
        return F.batch_norm(
            features,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.running_mean is None,  # then BatchNorm uses the batch's statistics in eval mode too
            eps=self.eps,
        )

    def _update_running_stats(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(unbiased_variance, momentum)


def _sum_over_processes(values: Tensor) -> Tensor:
    summed: Tensor = _Sum.apply(values)
    return summed


class _Sum(Function):
    """Sums over all processes, forward and backward: each process's result depends on the values of all."""

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

"""InstanceNorm over a batch that is split among processes, where a process may have no image at all."""

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F


def share_instance_norms(model: nn.Module) -> nn.Module:
    """Returns the model, with every InstanceNorm2d replaced by one that works on each process's share of the images.

    Weights and running statistics stay the same tensors under the same names.
    """
    for name, child in model.named_children():
        setattr(model, name, SharedInstanceNorm(child) if isinstance(child, nn.InstanceNorm2d) else child)
        share_instance_norms(child)
    return model


class SharedInstanceNorm(nn.InstanceNorm2d):
    """Normalizes each channel of each image; the running statistics are the mean over the images of all processes.

    Takes (B, C, H, W) and returns the same shape. A process's own batch may be empty, which torch's InstanceNorm2d with
    a weight refuses. Source: Ulyanov, Vedaldi and Lempitsky, arXiv:1607.08022.
    """

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        # Of None, torch makes 0 here; a BatchNorm would count its batches.
        super().__init__(norm.num_features, norm.eps, norm.momentum or 0.0, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.training = norm.training

    def forward(self, features: Tensor) -> Tensor:
        if self.training:
            self._update_running_stats(features.detach().float())
        if not len(features):
            # Weight and bias take part: DistributedDataParallel waits for a gradient of every parameter.
            return features * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1) if self.affine else features
        uses_running_stats = not self.training and self.running_mean is not None
        return F.instance_norm(
            features,
            self.running_mean if uses_running_stats else None,
            self.running_var if uses_running_stats else None,
            self.weight,
            self.bias,
            use_input_stats=not uses_running_stats,
            eps=self.eps,
        )

    def _update_running_stats(self, features: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        moments = torch.stack([features.mean((2, 3)), features.var((2, 3))])  # (2, B, C)
        sums = torch.cat([moments.sum(1).flatten(), moments.new_tensor([len(features)])])  # (2 · C + 1)
        dist.all_reduce(sums)
        mean, unbiased_variance = (sums[:-1] / sums[-1]).view(2, -1)
        momentum = self.momentum or 0.0
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(unbiased_variance, momentum)

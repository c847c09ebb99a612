"""Splits a training set into training and validation images, identically on every machine and in every run."""

import torch
from torch import Tensor

from cifar_cli.data.quotas import proportional_quotas
from cifar_cli.errors import UsageError


def stratified_split(labels: Tensor, *, val_size: int, num_classes: int) -> tuple[Tensor, Tensor]:
    """Returns the indices of the training images and of the validation images, both ascending int64.

    The validation images of each class are proportional to the class's size, to less than one image. Validation images
    are evenly spaced within a class, not drawn at random: neither a seed nor a library version changes the split.
    labels: int64 (N,). Raises UsageError if `val_size` leaves no training images.
    """
    size = len(labels)
    if not 0 <= val_size < size:
        raise UsageError(
            f"data.val_size: expected 0 to {size - 1} of the {size} training images, found {val_size}; "
            f"write for example {size // 10}"
        )
    counts = torch.bincount(labels, minlength=num_classes)
    quotas = proportional_quotas(counts.tolist(), total=val_size)
    is_val = torch.zeros(size, dtype=torch.bool)
    for label, quota in enumerate(quotas):
        members = torch.nonzero(labels == label).flatten()
        if quota > 0:
            is_val[members[torch.arange(quota) * len(members) // quota]] = True
    return torch.nonzero(~is_val).flatten(), torch.nonzero(is_val).flatten()

"""Splits a training set into training and validation images, the same way on every machine and in every run."""

import torch
from torch import Tensor

from cifar_cli.errors import UsageError


def stratified_split(labels: Tensor, *, val_size: int, num_classes: int) -> tuple[Tensor, Tensor]:
    """Returns the indices of the training and of the validation images, both ascending int64.

    Every class gives the share of its images that `val_size` is of the whole, off by less than one image. No
    random numbers: of its images a class gives evenly spaced ones, so no seed and no library version moves the split.
    labels: int64 (N,). Raises UsageError where `val_size` leaves nothing to train on.
    """
    size = len(labels)
    if not 0 <= val_size < size:
        raise UsageError(
            f"data.val_size: expected 0 to {size - 1} of the {size} training images, found {val_size}; "
            f"write for example {size // 10}"
        )
    counts = torch.bincount(labels, minlength=num_classes)
    quotas = _shares(counts.tolist(), total=val_size)
    is_val = torch.zeros(size, dtype=torch.bool)
    for label, quota in enumerate(quotas):
        members = torch.nonzero(labels == label).flatten()
        if quota > 0:
            is_val[members[torch.arange(quota) * len(members) // quota]] = True
    return torch.nonzero(~is_val).flatten(), torch.nonzero(is_val).flatten()


def _shares(counts: list[int], *, total: int) -> list[int]:
    """Divides `total` in proportion to `counts`; what rounding down leaves over goes to the largest remainders."""
    size = sum(counts)
    shares = [total * count // size for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda label: -(total * counts[label] % size))
    for label in by_remainder[: total - sum(shares)]:
        shares[label] += 1
    return shares

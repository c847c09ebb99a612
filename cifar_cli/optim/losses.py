"""Losses, and the table that names them. Each takes logits (B, K) and labels (B,) and a `reduction`."""

from functools import partial
from typing import Protocol

from torch import Tensor
from torch.nn import functional as F


class Loss(Protocol):
    """How wrong logits (B, K) are for labels (B,): the batch's mean or, with `reduction="sum"`, its sum."""

    def __call__(self, logits: Tensor, labels: Tensor, *, reduction: str = "mean") -> Tensor: ...


def cross_entropy(*, label_smoothing: float = 0.0) -> Loss:
    """Returns −log softmax(logits)[label]; smoothing moves that share of the target evenly onto all classes.

    Takes logits, not probabilities. Source of smoothing: Szegedy et al., arXiv:1512.00567.
    """
    return partial(F.cross_entropy, label_smoothing=label_smoothing)

"""Losses: functions of logits (B, K), targets and a `reduction`."""

from functools import partial
from typing import Protocol

from torch import Tensor
from torch.nn import functional as F


class Loss(Protocol):
    """The loss of logits (B, K) for targets: labels int64 (B,), or probabilities of the classes, float (B, K).

    reduction: `mean` or `sum` over the batch, both (), or `none` for the images' own losses (B,).
    """

    def __call__(self, logits: Tensor, targets: Tensor, /, *, reduction: str = "mean") -> Tensor: ...


def cross_entropy(*, label_smoothing: float = 0.0) -> Loss:
    """Returns the loss −Σ target · log softmax(logits), which for a label is −log softmax(logits)[label].

    label_smoothing: the fraction of the target that is spread evenly over all classes. Source: Szegedy et al.,
    arXiv:1512.00567.
    """
    return partial(F.cross_entropy, label_smoothing=label_smoothing)

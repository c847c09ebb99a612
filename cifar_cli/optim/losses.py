"""Losses: functions of logits (B, K), targets and a `reduction`.

class_weights: a factor for the loss of each class, (K,) or None. As in torch, the mean over labels is the weighted one:
the sum of the weighted losses, divided by the sum of the labels' weights; over class probabilities it is divided by the
number of images. Unlike torch's it is also divided by that where all labels have the weight 0, instead of becoming NaN.
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Loss(Protocol):
    """The loss of logits (B, K) for targets: labels int64 (B,), or probabilities of the classes, float (B, K).

    reduction: `mean` or `sum` over the batch, both (), or `none` for the images' own losses (B,).
    """

    def __call__(self, logits: Tensor, targets: Tensor, /, *, reduction: str = "mean") -> Tensor: ...

    def total_weight(self, targets: Tensor, /) -> Tensor | int:
        """Returns what `mean` divides the sum by."""


@dataclass(frozen=True, eq=False)  # tensors have no single answer to ==
class CrossEntropy:
    """The loss −Σ weight · target · log softmax(logits), which for a label is −weight · log softmax(logits)[label].

    label_smoothing: the fraction of the target that is spread evenly over all classes. Source: Szegedy et al.,
    arXiv:1512.00567.
    """

    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    def __call__(self, logits: Tensor, targets: Tensor, /, *, reduction: str = "mean") -> Tensor:
        torch_loss = partial(F.cross_entropy, weight=self.class_weights, label_smoothing=self.label_smoothing)
        if reduction == "mean" and self.class_weights is not None:
            return torch_loss(logits, targets, reduction="sum") / self.total_weight(targets)
        return torch_loss(logits, targets, reduction=reduction)

    def total_weight(self, targets: Tensor, /) -> Tensor | int:
        if self.class_weights is None or targets.dim() > 1:
            return len(targets)
        total = self.class_weights[targets].sum()
        return torch.where(total > 0, total, len(targets))


@dataclass(frozen=True, eq=False)
class Focal:
    """The loss −Σ weight · target · (1 − p)^gamma · log p with p = softmax(logits): easy images count less.

    With gamma 0 it is the cross-entropy. Where targets are probabilities, each class counts by its share. Source: Lin
    et al., "Focal Loss for Dense Object Detection", arXiv:1708.02002, who have two classes and call the weights alpha.
    """

    gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    def __call__(self, logits: Tensor, targets: Tensor, /, *, reduction: str = "mean") -> Tensor:
        log_p = F.log_softmax(logits.float() if logits.dtype != torch.float64 else logits, dim=1)  # (B, K)
        # 1 − p without the digits that a subtraction would lose. At 0, a power below 1 has no finite gradient.
        rest = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).eps)
        losses = -(self._weighted(targets, log_p) * rest**self.gamma * log_p).sum(dim=1)  # (B,)
        if reduction == "none":
            return losses
        total = losses.sum()
        return total / self.total_weight(targets) if reduction == "mean" else total

    def total_weight(self, targets: Tensor, /) -> Tensor | int:
        return CrossEntropy(class_weights=self.class_weights).total_weight(targets)

    def _weighted(self, targets: Tensor, like: Tensor) -> Tensor:
        """Returns the targets as probabilities (B, K), smoothed and weighted."""
        num_classes = like.shape[1]
        shares = F.one_hot(targets, num_classes).to(like.dtype) if targets.dim() == 1 else targets.to(like.dtype)
        shares = shares * (1 - self.label_smoothing) + self.label_smoothing / num_classes
        return shares if self.class_weights is None else shares * self.class_weights


def balanced_class_weights(labels: Tensor, *, num_classes: int) -> Tensor:
    """Returns for each class N / (K · its number of images), (K,): all classes then have the same weight together.

    A class without images gets 0. labels: int64 (N,). As `compute_class_weight("balanced", …)` of scikit-learn.
    """
    counts = torch.bincount(labels, minlength=num_classes).float()
    return torch.where(counts > 0, len(labels) / (num_classes * counts), 0.0)

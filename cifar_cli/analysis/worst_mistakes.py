"""Finds the images that a network is most wrong about."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class WorstMistakes:
    """The M wrongly classified images with the largest losses, the largest first, on the CPU.

    indices, labels, predicted: int64 (M,); probabilities: float32 (M,), of the predicted classes; losses: float32 (M,),
    −log of the true class's probability; wrong, total: how many images are wrongly classified, and how many there are.
    """

    indices: Tensor
    labels: Tensor
    predicted: Tensor
    probabilities: Tensor
    losses: Tensor
    wrong: int
    total: int


def worst_mistakes(logits: Tensor, labels: Tensor, *, count: int) -> WorstMistakes:
    """Returns at most `count` mistakes. logits: (N, K); labels: int64 (N,)."""
    logits, labels = logits.float().cpu(), labels.cpu()
    losses = F.cross_entropy(logits, labels, reduction="none")  # (N,)
    probabilities, predicted = logits.softmax(dim=1).max(dim=1)
    order = losses.argsort(descending=True, stable=True)  # stable: the same network always gives the same picture
    is_wrong = predicted[order] != labels[order]
    worst = order[is_wrong][:count]
    return WorstMistakes(
        worst, labels[worst], predicted[worst], probabilities[worst], losses[worst], int(is_wrong.sum()), len(labels)
    )

"""What a confusion matrix says of each class. Knows nothing of networks."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ClassScores:
    """One class's scores, each in [0, 1], and 0 where it would be 0 / 0; images: how many the class has.

    recall is the share of the class's images that were recognised, which is also called the class's accuracy.
    """

    images: int
    precision: float
    recall: float
    f1: float


def classification_metrics(confusion: Tensor) -> list[ClassScores]:
    """Returns the scores of each class of a confusion matrix, int64 (K, K), rows the true classes."""
    return [
        _scores(right=int(confusion[k, k]), images=int(confusion[k].sum()), predicted=int(confusion[:, k].sum()))
        for k in range(len(confusion))
    ]


def _scores(*, right: int, images: int, predicted: int) -> ClassScores:
    return ClassScores(
        images=images,
        precision=_ratio(right, predicted),
        recall=_ratio(right, images),
        f1=_ratio(2 * right, images + predicted),  # = 2·precision·recall / (precision + recall)
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

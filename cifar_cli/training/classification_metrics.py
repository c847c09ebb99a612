"""Precision, recall and F1 of each class, from a confusion matrix."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ClassScores:
    """One class's scores, each in [0, 1], and 0 in place of 0 / 0. images: the number of images of the class.

    recall is the fraction of the class's images that are classified correctly, also called the class's accuracy.
    """

    images: int
    precision: float
    recall: float
    f1: float


def classification_metrics(confusion: Tensor) -> list[ClassScores]:
    """Returns the scores of each class of a confusion matrix, int64 (K, K), rows the true classes."""
    return [
        _scores(correct=int(confusion[k, k]), images=int(confusion[k].sum()), predicted=int(confusion[:, k].sum()))
        for k in range(len(confusion))
    ]


def _scores(*, correct: int, images: int, predicted: int) -> ClassScores:
    return ClassScores(
        images=images,
        precision=_ratio(correct, predicted),
        recall=_ratio(correct, images),
        f1=_ratio(2 * correct, images + predicted),  # = 2·precision·recall / (precision + recall)
    )


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0

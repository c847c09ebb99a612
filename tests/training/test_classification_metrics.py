"""Each class's scores held against scikit-learn."""

import warnings

import pytest
import torch
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from cifar_cli.training.classification_metrics import ClassScores, classification_metrics


@pytest.mark.parametrize("seed", range(3))
def test_precision_recall_f1_and_support_are_scikit_learns(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, (60,), generator=generator)
    predicted = torch.where(torch.rand(60, generator=generator) < 0.5, labels, (labels * 3 + 1) % 5)
    confusion = torch.from_numpy(confusion_matrix(labels, predicted, labels=range(5)))
    expected = precision_recall_fscore_support(labels, predicted, labels=range(5), zero_division=0)
    for scores, precision, recall, f1, support in zip(classification_metrics(confusion), *expected, strict=True):
        assert (scores.precision, scores.recall, scores.f1) == pytest.approx((precision, recall, f1))
        assert scores.images == support


def test_a_class_without_images_or_predictions_scores_zero_as_in_scikit_learn() -> None:
    # Class 0: one of two images correct; class 1: never predicted; class 2: predicted without images; class 3: neither.
    labels, predicted = [0, 0, 1], [0, 2, 2]
    confusion = torch.from_numpy(confusion_matrix(labels, predicted, labels=range(4)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = precision_recall_fscore_support(labels, predicted, labels=range(4), zero_division=0)
    assert classification_metrics(confusion) == [
        ClassScores(images=int(support), precision=precision, recall=recall, f1=pytest.approx(f1))
        for precision, recall, f1, support in zip(*expected, strict=True)
    ]
    assert classification_metrics(confusion)[3] == ClassScores(images=0, precision=0.0, recall=0.0, f1=0.0)

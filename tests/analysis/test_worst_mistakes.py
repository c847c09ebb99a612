"""The worst mistakes, on logits worked by hand."""

from math import exp, log

import pytest
import torch

from cifar_cli.analysis.worst_mistakes import worst_mistakes


def test_only_mistakes_are_chosen_and_the_largest_losses_come_first() -> None:
    logits = torch.tensor([[9.0, 0, 0], [0, 1.0, 0], [0, 5.0, 0], [0, 0, 3.0], [0, 0.1, 0]])
    labels = torch.tensor([0, 0, 0, 0, 1])
    worst = worst_mistakes(logits, labels, count=9)
    assert worst.indices.tolist() == [2, 3, 1]
    assert worst.labels.tolist() == [0, 0, 0]
    assert worst.predicted.tolist() == [1, 2, 1]
    assert worst.losses.tolist() == pytest.approx([log(2 + exp(5)), log(2 + exp(3)), log(2 + exp(1))], rel=1e-6)
    expected = [exp(5) / (2 + exp(5)), exp(3) / (2 + exp(3)), exp(1) / (2 + exp(1))]
    assert worst.probabilities.tolist() == pytest.approx(expected, rel=1e-6)
    assert (worst.wrong, worst.total) == (3, 5)
    assert worst_mistakes(logits, labels, count=2).indices.tolist() == [2, 3]
    assert worst_mistakes(logits, labels, count=2).wrong == 3


def test_where_nothing_is_wrong_nothing_is_chosen() -> None:
    worst = worst_mistakes(torch.eye(3), torch.arange(3), count=4)
    assert worst.indices.tolist() == []
    assert (worst.wrong, worst.total) == (0, 3)

"""Losses held against numbers worked by hand and against the formula."""

import math

import pytest
import torch

from cifar_cli.optim.losses import cross_entropy


def test_cross_entropy_of_three_logits_by_hand() -> None:
    # exp: 1.10517, 1.22140, 1.34986; their sum 3.67643; −log(1.22140 / 3.67643) = 1.10194
    loss = cross_entropy()(torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([1]))
    assert loss.item() == pytest.approx(1.1019, abs=5e-5)


def test_the_reduction_is_the_mean_or_the_sum_over_the_batch() -> None:
    logits, labels = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]), torch.tensor([0, 1])
    # −log(1/2) and −log(3/4)
    assert cross_entropy()(logits, labels).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert cross_entropy()(logits, labels, reduction="sum").item() == pytest.approx(math.log(2) + math.log(4 / 3))


def test_the_loss_of_class_probabilities_is_their_mean_of_the_labels_losses() -> None:
    logits = torch.tensor([[0.0, math.log(3)], [math.log(3), 0.0]])
    targets = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    # −log(1/4) with weight 1/4 and −log(3/4) with weight 3/4; then −log(3/4) alone.
    expected = [0.25 * math.log(4) + 0.75 * math.log(4 / 3), math.log(4 / 3)]
    assert cross_entropy()(logits, targets, reduction="none").tolist() == pytest.approx(expected)
    assert cross_entropy()(logits, targets).item() == pytest.approx(sum(expected) / 2)


def test_label_smoothing_spreads_its_fraction_evenly_over_all_classes() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64)
    log_probabilities = [value - math.log(sum(math.exp(other) for other in logits[0])) for value in logits[0].tolist()]
    smoothing, label = 0.1, 2
    target = [smoothing / 4 + (1 - smoothing) * (index == label) for index in range(4)]
    expected = -sum(weight * value for weight, value in zip(target, log_probabilities, strict=True))
    loss = cross_entropy(label_smoothing=smoothing)(logits, torch.tensor([label]))
    assert loss.item() == pytest.approx(expected, rel=1e-12)

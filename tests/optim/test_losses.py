"""Losses held against numbers worked by hand and against the formula."""

import math

import pytest
import torch

from cifar_cli.optim.losses import cross_entropy


def test_cross_entropy_of_three_logits_by_hand() -> None:
    # exp: 1.10517, 1.22140, 1.34986; their sum 3.67643; −log(1.22140 / 3.67643) = 1.10194
    loss = cross_entropy()(torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([1]))
    assert loss.item() == pytest.approx(1.1019, abs=5e-5)


def test_cross_entropy_is_the_batchs_mean_and_on_request_its_sum() -> None:
    logits, labels = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]), torch.tensor([0, 1])
    # −log(1/2) and −log(3/4)
    assert cross_entropy()(logits, labels).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert cross_entropy()(logits, labels, reduction="sum").item() == pytest.approx(math.log(2) + math.log(4 / 3))


def test_label_smoothing_moves_its_share_evenly_onto_all_classes() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64)
    log_probabilities = [value - math.log(sum(math.exp(other) for other in logits[0])) for value in logits[0].tolist()]
    smoothing, label = 0.1, 2
    target = [smoothing / 4 + (1 - smoothing) * (index == label) for index in range(4)]
    expected = -sum(share * value for share, value in zip(target, log_probabilities, strict=True))
    loss = cross_entropy(label_smoothing=smoothing)(logits, torch.tensor([label]))
    assert loss.item() == pytest.approx(expected, rel=1e-12)

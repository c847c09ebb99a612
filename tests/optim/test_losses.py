"""Losses held against numbers worked by hand and against the formula."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cifar_cli.optim.losses import CrossEntropy, Focal, Loss, balanced_class_weights


def test_cross_entropy_of_three_logits_by_hand() -> None:
    # exp: 1.10517, 1.22140, 1.34986; their sum 3.67643; −log(1.22140 / 3.67643) = 1.10194
    loss = CrossEntropy()(torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([1]))
    assert loss.item() == pytest.approx(1.1019, abs=5e-5)


def test_the_reduction_is_the_mean_or_the_sum_over_the_batch() -> None:
    logits, labels = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]), torch.tensor([0, 1])
    # −log(1/2) and −log(3/4)
    assert CrossEntropy()(logits, labels).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert CrossEntropy()(logits, labels, reduction="sum").item() == pytest.approx(math.log(2) + math.log(4 / 3))


def test_the_loss_of_class_probabilities_is_their_mean_of_the_labels_losses() -> None:
    logits = torch.tensor([[0.0, math.log(3)], [math.log(3), 0.0]])
    targets = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    # −log(1/4) with weight 1/4 and −log(3/4) with weight 3/4; then −log(3/4) alone.
    expected = [0.25 * math.log(4) + 0.75 * math.log(4 / 3), math.log(4 / 3)]
    assert CrossEntropy()(logits, targets, reduction="none").tolist() == pytest.approx(expected)
    assert CrossEntropy()(logits, targets).item() == pytest.approx(sum(expected) / 2)


def test_label_smoothing_spreads_its_fraction_evenly_over_all_classes() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64)
    log_probabilities = [value - math.log(sum(math.exp(other) for other in logits[0])) for value in logits[0].tolist()]
    smoothing, label = 0.1, 2
    target = [smoothing / 4 + (1 - smoothing) * (index == label) for index in range(4)]
    expected = -sum(weight * value for weight, value in zip(target, log_probabilities, strict=True))
    loss = CrossEntropy(label_smoothing=smoothing)(logits, torch.tensor([label]))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


# --- class weights --------------------------------------------------------------------------------------------------

# Probabilities of 1/2, 3/4 and 1/4 for the labels 0, 1 and 0.
LOGITS, LABELS = torch.tensor([[0.0, 0.0], [0.0, math.log(3)], [0.0, math.log(3)]]), torch.tensor([0, 1, 0])
WEIGHTS = torch.tensor([2.0, 0.5])


def test_balanced_weights_are_the_images_over_the_classes_times_the_images_of_each() -> None:
    # scikit-learn's documentation: n_samples / (n_classes * np.bincount(y)). 8 / (4 · 4), 8 / (4 · 1), 8 / (4 · 3)
    weights = balanced_class_weights(torch.tensor([0, 0, 0, 0, 1, 2, 2, 2]), num_classes=4)
    assert weights.tolist() == pytest.approx([0.5, 2.0, 2 / 3, 0.0])


@pytest.mark.parametrize("loss", [CrossEntropy(class_weights=WEIGHTS), Focal(gamma=0, class_weights=WEIGHTS)])
def test_the_weighted_mean_divides_by_the_sum_of_the_labels_weights(loss: Loss) -> None:
    each = [2 * math.log(2), 0.5 * math.log(4 / 3), 2 * math.log(4)]
    assert loss(LOGITS, LABELS, reduction="none").tolist() == pytest.approx(each)
    assert loss(LOGITS, LABELS, reduction="sum").item() == pytest.approx(sum(each))
    assert loss(LOGITS, LABELS).item() == pytest.approx(sum(each) / 4.5)


@pytest.mark.parametrize("loss", [CrossEntropy, Focal], ids=["cross_entropy", "focal"])
def test_a_batch_without_an_image_of_a_weighted_class_has_a_loss_and_a_gradient_of_0(loss: Callable[..., Loss]) -> None:
    logits = LOGITS.clone().requires_grad_()
    value = loss(class_weights=torch.tensor([0.0, 1.0]))(logits, torch.tensor([0, 0, 0]))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("targets", [LABELS, torch.tensor([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5]])], ids=["hard", "soft"])
@pytest.mark.parametrize("loss", [CrossEntropy, Focal], ids=["cross_entropy", "focal"])
def test_the_mean_is_the_sum_over_the_total_weight(
    loss: Callable[..., Loss], weights: Tensor | None, targets: Tensor
) -> None:
    own = loss(class_weights=weights, label_smoothing=0.1)
    expected = own(LOGITS, targets, reduction="sum") / own.total_weight(targets)
    torch.testing.assert_close(own(LOGITS, targets), expected)


# --- the focal loss -------------------------------------------------------------------------------------------------


def test_the_focal_loss_by_hand() -> None:
    # With gamma 2: (1 − p)² · −log p of 1/2, 3/4 and 1/4 is 0.25 · 0.693147, 0.0625 · 0.287682, 0.5625 · 1.386294
    each = [0.173287, 0.017980, 0.779791]
    assert Focal()(LOGITS, LABELS, reduction="none").tolist() == pytest.approx(each, abs=1e-6)
    assert Focal()(LOGITS, LABELS).item() == pytest.approx(sum(each) / 3, abs=1e-6)


@pytest.mark.parametrize("weights", [None, torch.tensor([0.2, 1.0, 3.0, 0.0])], ids=["equal", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("is_soft", [False, True], ids=["labels", "probabilities"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_with_gamma_0_the_focal_loss_is_torchs_cross_entropy(
    weights: Tensor | None, smoothing: float, is_soft: bool, reduction: str
) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, dtype=torch.float64, generator=generator)
    targets = torch.rand(6, 4, generator=generator).softmax(1).double() if is_soft else torch.tensor([0, 1, 2, 3, 0, 2])
    weights = weights if weights is None else weights.double()
    own = Focal(gamma=0, label_smoothing=smoothing, class_weights=weights)(logits, targets, reduction=reduction)
    expected = F.cross_entropy(logits, targets, weight=weights, label_smoothing=smoothing, reduction=reduction)
    torch.testing.assert_close(own, expected)


def test_each_class_of_a_soft_target_counts_by_its_share() -> None:
    hard = [Focal()(LOGITS, torch.full((3,), label), reduction="none") for label in (0, 1)]
    soft = Focal()(LOGITS, torch.tensor([[0.3, 0.7]] * 3), reduction="none")
    torch.testing.assert_close(soft, 0.3 * hard[0] + 0.7 * hard[1])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_an_image_that_is_certain_has_a_finite_gradient(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0], [-200.0, 0.0]], requires_grad=True)
    Focal(gamma=gamma)(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[0].abs().max() < 1e-6
    assert logits.grad[1].abs().max() == pytest.approx(0.5)  # as that of the cross-entropy: p is 0


@pytest.mark.parametrize("loss", [CrossEntropy(class_weights=WEIGHTS), Focal(class_weights=WEIGHTS)])
def test_a_weighted_loss_takes_logits_of_bf16_under_autocast(loss: Loss) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(LOGITS.bfloat16(), LABELS)
    torch.testing.assert_close(value.float(), loss(LOGITS, LABELS), rtol=1e-2, atol=0)

"""Mixup, CutMix and their choice against torchvision on single images, their draws, and the targets in the loss."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.cutmix import CutMix, draw_rectangles, paste, rectangles, share_outside
from cifar_cli.data.transforms.draw import draw_beta
from cifar_cli.data.transforms.mixup import Mixup, blend, mix_targets
from cifar_cli.data.transforms.mixup_or_cutmix import MixupOrCutMix
from cifar_cli.optim.losses import CrossEntropy

LABELS = torch.tensor([3, 0, 7])
PARTNERS = torch.tensor([2, 0, 1])


def of_torchvision(mixing: v2.Transform, image: Tensor, partner: Tensor, labels: Tensor, **drawn: object) -> Tensor:
    """Returns torchvision's mixture of an image with its partner; torchvision mixes with the batch rolled by one."""
    pair = torch.stack((image, partner))
    mixed: Tensor = mixing.transform(pair, {"labels": labels, "batch_size": 2, **drawn})
    return mixed[0]


def test_mixup_of_an_image_equals_torchvision(random_batch: Callable[..., Batch]) -> None:
    images, share = random_batch(3, 3, 5, 8).images / 255, torch.tensor([0.9, 0.5, 0.0])
    blended = blend(images, partners=PARTNERS, share=share)
    targets = mix_targets(LABELS, partners=PARTNERS, share=share, num_classes=10)
    mixing = v2.MixUp(num_classes=10)
    for index, partner in enumerate(PARTNERS.tolist()):
        labels, lam = LABELS[[index, partner]], float(share[index])
        torch.testing.assert_close(
            blended[index], of_torchvision(mixing, images[index], images[partner], labels, lam=lam)
        )
        torch.testing.assert_close(targets[index], mixing._mixup_label(labels, lam=lam)[0])


def test_cutmix_of_an_image_equals_torchvision(random_batch: Callable[..., Batch]) -> None:
    images = random_batch(3, 3, 6, 8).images / 255
    half, center_y, center_x = torch.tensor([0.4, 0.5, 0.1]), torch.tensor([0, 3, 5]), torch.tensor([7, 4, 2])
    inside = rectangles(half, center_y=center_y, center_x=center_x, size=images)
    pasted = paste(images, partners=PARTNERS, inside=inside)
    # By hand: int(half · 6) rows and int(half · 8) columns to both sides of the centre, cut at the border.
    boxes = [(4, 0, 8, 2), (0, 0, 8, 6), (2, 5, 2, 5)]  # x1, y1, x2, y2
    for index, (partner, box) in enumerate(zip(PARTNERS.tolist(), boxes, strict=True)):
        labels = LABELS[[index, partner]]
        expected = of_torchvision(v2.CutMix(num_classes=10), images[index], images[partner], labels, box=box)
        assert torch.equal(pasted[index], expected)
    torch.testing.assert_close(share_outside(inside), torch.tensor([1 - 8 / 48, 0.0, 1.0]))


def test_shares_are_beta_distributed_each_image_its_own(seeded: Callable[[int], torch.Generator]) -> None:
    shares = draw_beta(0.2, torch.empty(20_000), generator=seeded(0))
    # Beta(a, a) has the mean 1/2 and the variance 1 / (4 · (2a + 1)).
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.015)
    assert float(shares.var()) == pytest.approx(1 / (4 * 1.4), abs=0.01)
    assert torch.equal(shares, draw_beta(0.2, torch.empty(20_000), generator=seeded(0)))


@pytest.mark.parametrize("mixing", [Mixup(1.0, num_classes=10), CutMix(1.0, num_classes=10)])
def test_targets_say_what_the_image_is_made_of(
    mixing: Mixup | CutMix, seeded: Callable[[int], torch.Generator]
) -> None:
    labels = torch.arange(10)
    images = labels.float().view(10, 1, 1, 1).expand(10, 1, 4, 4)  # each image is painted with its label
    mixed = mixing(Batch(images, labels, labels), seeded(0))
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(10))
    torch.testing.assert_close(mixed.images.mean((1, 2, 3)), mixed.targets @ labels.float())


def test_each_image_is_either_blended_or_cut(seeded: Callable[[int], torch.Generator]) -> None:
    labels = torch.arange(1000)
    images = labels.double().view(-1, 1, 1, 1).expand(1000, 1, 8, 8).float()
    mixed = MixupOrCutMix((1.0, 1.0), num_classes=1000)(Batch(images, labels, labels), seeded(0))
    is_cut = mixed.images.flatten(1).amin(1) < mixed.images.flatten(1).amax(1) - 1e-2
    assert 300 < int(is_cut.sum()) < 550  # half of them, less the rectangles that hold no pixel or all
    torch.testing.assert_close(mixed.images.mean((1, 2, 3)), mixed.targets @ labels.float(), atol=1e-2, rtol=1e-4)


def test_the_rectangle_has_the_drawn_area_unless_the_border_cuts_it(seeded: Callable[[int], torch.Generator]) -> None:
    inside = draw_rectangles(1.0, torch.empty(4000, 1, 8, 8), generator=seeded(0))
    assert len({float(share) for share in share_outside(inside)}) > 10
    assert int(inside.sum(0).min()) > 0


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_loss_of_mixed_targets_is_the_mean_of_the_losses_weighted_by_the_shares(label_smoothing: float) -> None:
    logits, share = torch.randn(3, 10, generator=torch.Generator().manual_seed(0)), torch.tensor([0.9, 0.5, 0.2])
    loss = CrossEntropy(label_smoothing=label_smoothing)
    mixed = loss(logits, mix_targets(LABELS, partners=PARTNERS, share=share, num_classes=10), reduction="none")
    own, other = loss(logits, LABELS, reduction="none"), loss(logits, LABELS[PARTNERS], reduction="none")
    torch.testing.assert_close(mixed, share * own + (1 - share) * other)


def test_accuracy_counts_the_class_with_the_larger_share(random_batch: Callable[..., Batch]) -> None:
    targets = mix_targets(LABELS, partners=PARTNERS, share=torch.tensor([0.9, 0.5, 0.2]), num_classes=10)
    assert replace(random_batch(3), targets=targets).labels.tolist() == [3, 0, 0]

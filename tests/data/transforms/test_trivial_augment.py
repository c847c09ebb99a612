"""TrivialAugment against torchvision's on single images, with the same draws."""

from collections.abc import Callable

import torch
from torchvision.transforms import v2

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.magnitude_space import SIGNED
from cifar_cli.data.transforms.trivial_augment import BINS, SPACE, TrivialAugment

WITHOUT_MAGNITUDE = ("Identity", "AutoContrast", "Equalize")


def test_the_operations_are_torchvisions_in_its_order() -> None:
    assert SPACE.names == tuple(v2.TrivialAugmentWide._AUGMENTATION_SPACE)


def test_each_image_equals_torchvisions_with_the_same_draws(
    random_batch: Callable[..., Batch], with_draws: Callable[..., torch.Tensor]
) -> None:
    count = len(SPACE.names)
    images = random_batch(count).images
    numbers, bins = torch.arange(count), torch.arange(count) * 2 + 1
    signs = 1 - 2 * (numbers % 2)
    ours = SPACE.apply(images, numbers=numbers, bins=bins, signs=signs)
    for index in range(count):
        name = SPACE.names[index]
        integers = [index, int(bins[index])] if name not in WITHOUT_MAGNITUDE else [index]
        halves = [0.5 + 0.1 * float(signs[index])] if name in SIGNED else []  # at most a half turns the sign
        expected = with_draws(v2.TrivialAugmentWide(BINS), images[index], integers, halves)
        assert float((ours[index] != expected).float().mean()) < 0.01, name


def test_an_image_changes_by_its_own_draw(
    random_batch: Callable[..., Batch], seeded: Callable[[int], torch.Generator]
) -> None:
    images = random_batch(1).images.expand(64, 3, 32, 32)
    changed = TrivialAugment(True)(Batch(images, torch.zeros(64, dtype=torch.int64), torch.arange(64)), seeded(0))
    assert len(changed.images.flatten(1).unique(dim=0)) > 30

"""TrivialAugment's operations against torchvision on single images, and the drawn groups."""

from collections.abc import Callable

import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import draw_groups
from cifar_cli.data.transforms.trivial_augment import BINS, OPERATIONS, TrivialAugment

TORCHVISION = v2.TrivialAugmentWide()


def test_the_operations_are_torchvisions() -> None:
    assert [*OPERATIONS] == [*TORCHVISION._AUGMENTATION_SPACE]


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_image_with_its_strength_equals_torchvision(name: str, random_batch: Callable[..., Batch]) -> None:
    magnitudes_of, is_signed = TORCHVISION._AUGMENTATION_SPACE[name]
    magnitudes = magnitudes_of(BINS, 32, 32)
    bins, signs = torch.tensor([0, 3, 11, 17, 30]), torch.tensor([1, -1, 1, -1, 1])
    images = random_batch(5).images // 2 + 40
    images[1, 0] = 9  # a channel with one value
    ours = OPERATIONS[name](images, bins / (BINS - 1), signs * bins / (BINS - 1))
    for index, image in enumerate(images):
        magnitude = 0.0 if magnitudes is None else float(magnitudes[bins[index]])
        expected = TORCHVISION._apply_image_or_video_transform(
            image,
            name,
            magnitude * int(signs[index]) if is_signed else magnitude,
            interpolation=InterpolationMode.NEAREST,
            fill={},
        )
        assert float((ours[index] != expected).float().mean()) < 0.01, index  # float32's last bit, or a tie of pixels


def test_each_image_is_in_one_group_and_groups_are_about_as_large(seeded: Callable[[int], torch.Generator]) -> None:
    groups = draw_groups(14, torch.empty(2800), generator=seeded(0))
    assert torch.equal(torch.cat(groups).sort().values, torch.arange(2800))
    assert 150 < min(map(len, groups)) <= max(map(len, groups)) < 250  # 200 expected, standard deviation 14


def test_an_image_changes_by_its_own_draw(
    random_batch: Callable[..., Batch], seeded: Callable[[int], torch.Generator]
) -> None:
    images = random_batch(1).images.expand(64, 3, 32, 32)
    changed = TrivialAugment(True)(Batch(images, torch.zeros(64, dtype=torch.int64), torch.arange(64)), seeded(0))
    assert len(changed.images.flatten(1).unique(dim=0)) > 30

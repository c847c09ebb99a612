"""RandAugment against torchvision's on single images, with the same draws."""

from collections.abc import Callable

import pytest
import torch
from torchvision.transforms import v2

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.magnitude_space import SIGNED, autoaugment_ranges
from cifar_cli.data.transforms.rand_augment import RandAugment, rand_augment

NAMES = [*autoaugment_ranges(32, 32)]


def test_the_operations_are_torchvisions_in_its_order() -> None:
    assert tuple(NAMES) == tuple(v2.RandAugment._AUGMENTATION_SPACE)


@pytest.mark.parametrize("magnitude", [0, 9, 30])
def test_each_image_equals_torchvisions_with_the_same_draws(
    magnitude: int,
    random_batch: Callable[..., Batch],
    seeded: Callable[[int], torch.Generator],
    with_draws: Callable[..., torch.Tensor],
) -> None:
    images = random_batch(2 * len(NAMES), 3, 28, 32).images
    numbers = torch.stack([torch.randperm(len(images), generator=seeded(seed)) % len(NAMES) for seed in (0, 1)])
    signs = 1 - 2 * torch.randint(2, numbers.shape, generator=seeded(2))
    ours = rand_augment(images, numbers=numbers, magnitude=magnitude, signs=signs)
    for index, image in enumerate(images):
        drawn = numbers[:, index].tolist()
        # A sign is drawn for the operations that have one; at most a half turns it.
        halves = [0.5 + 0.1 * float(signs[step, index]) for step in range(2) if NAMES[drawn[step]] in SIGNED]
        expected = with_draws(v2.RandAugment(2, magnitude), image, drawn, halves)
        different = (ours[index].int() - expected.int()).abs()
        # The second operation may pass the first one's last bit on, histograms more than others.
        assert float((different > 0).float().mean()) < 0.05, [NAMES[number] for number in drawn]


def test_each_operation_is_drawn_for_each_image_alone(seeded: Callable[[int], torch.Generator]) -> None:
    white = torch.full((3000, 1, 32, 32), 255, dtype=torch.uint8)
    batch = Batch(white, torch.zeros(3000, dtype=torch.int64), torch.arange(3000))
    black = RandAugment((1, 29))(batch, seeded(0)).images[:, 0] == 0
    # Only translations leave whole columns or rows black, and other columns and rows as they are.
    columns, rows = black.all(1), black.all(2)
    for lines in (columns, rows):
        is_moved = lines.any(1) & ~lines.all(1)
        assert 150 < int(is_moved.sum()) < 280  # 3000 / 14 = 214 expected, standard deviation 14
        assert set(lines[is_moved].sum(1).tolist()) == {14}  # int(150 / 331 · 32 · 29 / 30)
        to_the_start = lines[is_moved][:, 0]
        assert 0.35 < float(to_the_start.float().mean()) < 0.65  # half of them, standard deviation 0.034

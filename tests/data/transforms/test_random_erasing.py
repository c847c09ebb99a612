"""Random erasing against torchvision on single images, and the drawn rectangles."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torchvision.transforms.v2.functional as TF

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.random_erasing import RandomErasing, erase


def test_erasing_each_images_rectangle_equals_torchvision(random_batch: Callable[..., Batch]) -> None:
    images = random_batch(3, 3, 6, 9).images.float() + 1
    top, left, height, width = torch.tensor([[0, 2, 1], [0, 4, 8], [3, 4, 0], [2, 5, 1]])
    expected = [
        TF.erase(image, i, j, h, w, torch.zeros(()))
        for image, i, j, h, w in zip(images, top.tolist(), left.tolist(), height.tolist(), width.tolist(), strict=True)
    ]
    assert torch.equal(erase(images, top=top, left=left, height=height, width=width), torch.stack(expected))


def test_rectangles_have_the_papers_areas_and_ratios_and_come_with_the_probability(
    seeded: Callable[[int], torch.Generator],
) -> None:
    ones = torch.ones(2000, 1, 32, 32)
    batch = Batch(ones, torch.zeros(2000, dtype=torch.int64), torch.arange(2000))
    erased = RandomErasing(0.5)(batch, seeded(0)).images[:, 0] == 0
    areas = erased.flatten(1).sum(1)
    assert 900 < int((areas > 0).sum()) < 1100  # standard deviation 22
    heights, widths = erased.any(2).sum(1), erased.any(1).sum(1)
    assert torch.equal(heights * widths, areas)  # rectangles
    found = areas[areas > 0] / 1024
    assert 0.01 < float(found.min()) < 0.04
    assert 0.3 < float(found.max()) < 0.35
    assert int(heights.max()) < 32
    assert int(erased.sum(0).min()) > 0  # every pixel, the corners too


def test_probability_one_erases_every_image(
    random_batch: Callable[..., Batch], seeded: Callable[[int], torch.Generator]
) -> None:
    batch = random_batch(64)
    batch = replace(batch, images=batch.images.float() + 1)
    erased = RandomErasing(1.0)(batch, seeded(0)).images == 0
    assert bool(erased.flatten(1).any(1).all())

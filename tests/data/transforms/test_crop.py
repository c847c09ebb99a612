"""Random crops against torchvision at every corner, and the drawn corners."""

from collections.abc import Callable

import torch
import torchvision.transforms.v2.functional as TF
from torch.nn import functional as F

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.crop import RandomCrop, crop


def test_crop_of_zero_padded_equals_torchvision_at_every_corner(random_batch: Callable[..., Batch]) -> None:
    corners = [(top, left) for top in range(5) for left in range(5)]
    images = random_batch(len(corners), 3, 6, 9).images
    expected = [
        TF.crop(TF.pad(image, [2, 2, 2, 2]), *corner, 6, 9) for image, corner in zip(images, corners, strict=True)
    ]
    top, left = torch.tensor(corners).T
    assert torch.equal(crop(F.pad(images, [2] * 4), top=top, left=left, height=6, width=9), torch.stack(expected))


def test_each_image_has_a_corner_of_its_own_and_black_where_it_was_padded(
    seeded: Callable[[int], torch.Generator],
) -> None:
    # The pixel at the middle says where it came from; 1 + its index, so that black is padding only.
    ramp = torch.arange(1, 50, dtype=torch.uint8).view(1, 1, 7, 7).expand(3000, 1, 7, 7)
    batch = Batch(ramp, torch.zeros(3000, dtype=torch.int64), torch.arange(3000))
    images = RandomCrop(1)(batch, seeded(0)).images
    middle = images[:, 0, 3, 3].long() - 1
    shifts = torch.stack((middle // 7 - 3, middle % 7 - 3), dim=1)
    values, counts = torch.unique(shifts, dim=0, return_counts=True)
    assert values.tolist() == [[down, right] for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert counts.min() > 270  # 333 expected, standard deviation 17
    black = (images == 0).flatten(1).sum(1)
    moved = shifts.abs().sum(1)
    assert black.tolist() == [[0, 7, 13][distance] for distance in moved.tolist()]

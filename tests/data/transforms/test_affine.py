"""Rotation against torchvision on single images, and the drawn angles."""

from collections.abc import Callable

import torch
import torchvision.transforms.v2.functional as TF

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.affine import affine, rotation
from cifar_cli.data.transforms.random_rotation import RandomRotation


def test_each_image_rotated_by_its_angle_equals_torchvision(random_batch: Callable[..., Batch]) -> None:
    angles = torch.tensor([0.0, 13.7, -29.1, 71.3, 180.0])
    images = random_batch(len(angles), 3, 12, 17).images
    expected = torch.stack([TF.rotate(image, float(angle)) for image, angle in zip(images, angles, strict=True)])
    # A place on the border of two pixels may fall to either.
    assert float((affine(images, rotation(angles)) != expected).float().mean()) < 0.005


def test_angles_lie_to_both_sides_up_to_the_given_one(seeded: Callable[[int], torch.Generator]) -> None:
    # A dot to the right of the centre moves up or down.
    image = torch.zeros(1, 1, 33, 33, dtype=torch.uint8)
    image[..., 16, 32] = 255
    batch = Batch(image.expand(2000, 1, 33, 33), torch.zeros(2000, dtype=torch.int64), torch.arange(2000))
    rows = RandomRotation(30.0)(batch, seeded(0)).images.amax((0, 1)).amax(1).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (8, 24)  # 16 · sin 30° = 8 pixels to both sides

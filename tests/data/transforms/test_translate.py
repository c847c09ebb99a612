"""Translation against torchvision at every corner, by hand, and the drawn shifts."""

from collections.abc import Callable

import pytest
import torch
import torchvision.transforms.functional as TF

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.translate import Translate, crop_padded


@pytest.mark.parametrize("pixels", [1, 2, 4])
@pytest.mark.parametrize(("channels", "height", "width"), [(3, 32, 32), (1, 28, 28), (3, 6, 9)])
def test_crop_of_padded_equals_torchvision_at_every_corner(
    pixels: int, channels: int, height: int, width: int, random_batch: Callable[..., Batch]
) -> None:
    corners = [(top, left) for top in range(2 * pixels + 1) for left in range(2 * pixels + 1)]
    images = random_batch(len(corners), channels, height, width).images
    padded = [TF.pad(image, [pixels] * 4, padding_mode="reflect") for image in images]
    expected = [TF.crop(image, *corner, height, width) for image, corner in zip(padded, corners, strict=True)]
    top, left = torch.tensor(corners).T
    assert torch.equal(crop_padded(images, top=top, left=left, pixels=pixels), torch.stack(expected))


def test_shift_of_one_row_by_hand() -> None:
    image = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).expand(3, 4).reshape(1, 1, 3, 4)
    moved_right = crop_padded(image, top=torch.tensor([1]), left=torch.tensor([0]), pixels=1)
    moved_left = crop_padded(image, top=torch.tensor([1]), left=torch.tensor([2]), pixels=1)
    assert moved_right[0, 0, 0].tolist() == [20, 10, 20, 30]
    assert moved_left[0, 0, 0].tolist() == [20, 30, 40, 30]


def test_it_reaches_every_shift_and_draws_both_directions_apart(seeded: Callable[[int], torch.Generator]) -> None:
    # Each pixel of the ramp says where it came from; its middle is never a reflection.
    ramp = torch.arange(121, dtype=torch.uint8).view(1, 1, 11, 11).expand(5000, 1, 11, 11)
    batch = Batch(ramp, torch.zeros(5000, dtype=torch.int64), torch.arange(5000))
    middle = Translate(2)(batch, seeded(0)).images[:, 0, 5, 5].long()
    shifts = torch.stack((middle // 11 - 5, middle % 11 - 5), dim=1)
    counts = torch.unique(shifts, dim=0, return_counts=True)[1]
    assert len(counts) == 25
    assert counts.min() > 140  # 200 expected, standard deviation 14
    assert int(shifts.abs().max()) == 2


def test_labels_and_indices_stay_as_they_are(
    random_batch: Callable[..., Batch], seeded: Callable[[int], torch.Generator]
) -> None:
    batch = random_batch(8)
    moved = Translate(2)(batch, seeded(0))
    assert torch.equal(moved.targets, batch.targets)
    assert torch.equal(moved.indices, batch.indices)
    assert moved.epoch == batch.epoch


@pytest.mark.parametrize("pixels", [0, 5])
def test_no_shift_and_the_largest_shift_equal_torchvision(pixels: int, random_batch: Callable[..., Batch]) -> None:
    images = random_batch(2, 3, 6, 9).images  # reflection has one row less than the image
    padded = TF.pad(images, [pixels] * 4, padding_mode="reflect")
    for corner in {0, 2 * pixels}:
        places = torch.full((2,), corner)
        cropped = crop_padded(images, top=places, left=places, pixels=pixels)
        assert torch.equal(cropped, padded[:, :, corner : corner + 6, corner : corner + 9])

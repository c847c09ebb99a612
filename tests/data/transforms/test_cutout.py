"""Cutout against painting pixel by pixel, and the drawn positions."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.cutout import Cutout, erase


def erase_pixel_by_pixel(image: Tensor, y: int, x: int, size: int, fill: tuple[int, ...]) -> Tensor:
    image = image.clone()
    for row in range(y - size // 2, y - size // 2 + size):
        for column in range(x - size // 2, x - size // 2 + size):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                for channel, value in enumerate(fill):
                    image[channel, row, column] = value
    return image


@pytest.mark.parametrize("size", [1, 4, 5, 12])
def test_erase_equals_painting_pixel_by_pixel(size: int, random_batch: Callable[..., Batch]) -> None:
    centers = [(0, 0), (0, 31), (31, 0), (31, 31), (16, 16), (3, 20), (15, 1)]
    images, fill = random_batch(len(centers)).images, (1, 128, 255)
    expected = [erase_pixel_by_pixel(image, y, x, size, fill) for image, (y, x) in zip(images, centers, strict=True)]
    center_y, center_x = torch.tensor(centers).T
    erased = erase(images, center_y=center_y, center_x=center_x, size=size, fill=fill)
    assert torch.equal(erased, torch.stack(expected))


def test_it_covers_a_whole_square_inside_and_less_at_the_border(seeded: Callable[[int], torch.Generator]) -> None:
    black = torch.zeros(4000, 1, 8, 8, dtype=torch.uint8)
    batch = Batch(black, torch.zeros(4000, dtype=torch.int64), torch.arange(4000))
    covered = (Cutout(4, mean=(1.0,))(batch, seeded(0)).images == 255).flatten(1).sum(1)
    # A centre at 0…7 covers 2, 3, 4, 4, 4, 4, 4, 3 of an axis's pixels: 28/8 on average, two axes drawn apart.
    assert set(covered.tolist()) == {4, 6, 8, 9, 12, 16}
    assert float(covered.float().mean()) == pytest.approx(3.5**2, abs=0.25)


def test_the_square_has_the_mean_colour_of_the_training_set(random_batch: Callable[..., Batch]) -> None:
    assert Cutout(8, mean=(0.4914, 0.4822, 0.4465)).fill == (125, 123, 114)  # 255 times the mean, rounded


def test_the_centre_is_drawn_from_all_pixels_and_from_nothing_else(seeded: Callable[[int], torch.Generator]) -> None:
    black = torch.zeros(3000, 1, 4, 7, dtype=torch.uint8)
    batch = Batch(black, torch.zeros(3000, dtype=torch.int64), torch.arange(3000))
    painted = Cutout(1, mean=(1.0,))(batch, seeded(0)).images == 255  # a square of one pixel: its centre
    assert painted.flatten(1).sum(1).tolist() == [1] * 3000
    # 3000 / 28 = 107 of each, standard deviation 10.
    assert 65 < int(painted.sum(0).min()) <= int(painted.sum(0).max()) < 150

"""Colours, jitter and grey against torchvision on single images."""

from collections.abc import Callable

import pytest
import torch
import torchvision.transforms.v2.functional as TF
from torch import Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.color_jitter import ColorJitter, jitter
from cifar_cli.data.transforms.colour import brightness, contrast, grayscale, hue, saturation
from cifar_cli.data.transforms.random_grayscale import RandomGrayscale

TORCHVISION = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue]
OURS = [brightness, contrast, saturation, hue]


def assert_almost_equal(ours: Tensor, torchvision: Tensor) -> None:
    """Values may round down to the neighbour where the sum is a whole number but for float32's last bit."""
    difference = (ours.int() - torchvision.int()).abs()
    assert int(difference.max()) <= 1
    assert float((difference > 0).float().mean()) < 0.002


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("number", range(4))
def test_each_image_with_its_factor_equals_torchvision(
    number: int, channels: int, random_batch: Callable[..., Batch]
) -> None:
    factors = torch.tensor([-0.5, -0.2, 0.0, 0.1, 0.5] if number == 3 else [0.0, 0.3, 1.0, 1.7, 2.0])
    images = random_batch(5, channels).images
    images[0, :, 0] = 77  # grey pixels, which have no hue
    expected = [TORCHVISION[number](image, float(factor)) for image, factor in zip(images, factors, strict=True)]
    assert_almost_equal(OURS[number](images, factors), torch.stack(expected))


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_equals_torchvision(channels: int, random_batch: Callable[..., Batch]) -> None:
    images = random_batch(4, channels).images
    assert torch.equal(grayscale(images), torch.stack([TF.rgb_to_grayscale(image, channels) for image in images]))


def test_about_the_given_part_of_the_images_turns_grey(
    random_batch: Callable[..., Batch], seeded: Callable[[int], torch.Generator]
) -> None:
    images = RandomGrayscale(0.25)(random_batch(1000, 3, 4, 4), seeded(0)).images
    grey = (images == images[:, :1]).flatten(1).all(1)
    assert 200 < int(grey.sum()) < 300  # standard deviation 14


def test_jitter_applies_the_operations_in_each_images_order(random_batch: Callable[..., Batch]) -> None:
    images = random_batch(3).images
    factors = torch.tensor([[0.6, 1.4, 1.0], [1.3, 0.7, 0.5], [0.6, 1.4, 1.2], [0.1, -0.1, 0.0]])
    order = torch.tensor([[0, 3, 2], [1, 2, 0], [2, 1, 3], [3, 0, 1]])
    jittered = jitter(images, factors=factors, order=order, used=range(4))
    for index in range(3):
        expected = images[index]
        for number in order[:, index].tolist():
            expected = TORCHVISION[number](expected, float(factors[number][index]))
        assert int((jittered[index].int() - expected.int()).abs().max()) <= 3  # a last bit, passed on
        assert float((jittered[index] != expected).float().mean()) < 0.02


def test_jitter_of_one_strength_draws_its_factors_from_both_sides_and_applies_nothing_else(
    seeded: Callable[[int], torch.Generator],
) -> None:
    pixel = torch.tensor([200, 100, 50], dtype=torch.uint8).view(1, 3, 1, 1)  # contrast and hue would change it
    batch = Batch(pixel.expand(2000, 3, 1, 1), torch.zeros(2000, dtype=torch.int64), torch.arange(2000))
    red, green, blue = ColorJitter((0.25, 0.0, 0.0, 0.0))(batch, seeded(0)).images.long().flatten(1).unbind(1)
    assert (int(red.min()), int(red.max())) == (150, 249)  # 200 times 0.75 to 1.25, rounded down
    assert 190 < float(red.float().mean()) < 210
    assert int((red // 2 - green).abs().max()) <= 1
    assert int((red // 4 - blue).abs().max()) <= 1

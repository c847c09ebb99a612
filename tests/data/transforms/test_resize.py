"""Resized images against torchvision."""

import torch
from torchvision.transforms.v2 import functional as transforms

from cifar_cli.data.transforms.resize import resize


def test_resizing_equals_torchvisions_with_antialiasing() -> None:
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = transforms.resize(images, [24, 24], antialias=True)
    assert torch.allclose(resize(images, 24), expected, atol=1e-6)


def test_an_image_of_one_colour_keeps_it_and_an_image_of_the_right_size_is_returned_itself() -> None:
    images = torch.full((2, 3, 32, 32), 0.25)
    assert torch.allclose(resize(images, 20), torch.full((2, 3, 20, 20), 0.25))
    assert resize(images, 32) is images

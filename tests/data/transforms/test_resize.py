"""Smaller pictures, against torchvision and means worked by hand."""

import torch
from torchvision.transforms.v2 import functional as transforms

from cifar_cli.data.transforms.resize import resize


def test_a_smaller_picture_is_what_torchvision_makes_with_antialiasing() -> None:
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = transforms.resize(images, [24, 24], antialias=True)
    assert torch.allclose(resize(images, 24), expected, atol=1e-6)


def test_a_picture_of_one_colour_keeps_it_and_a_picture_of_the_right_size_is_left_alone() -> None:
    images = torch.full((2, 3, 32, 32), 0.25)
    assert torch.allclose(resize(images, 20), torch.full((2, 3, 20, 20), 0.25))
    assert resize(images, 32) is images

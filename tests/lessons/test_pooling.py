"""Lesson `pooling`: the tutorial's numbers, by windows and by torch."""

import pytest
import torch
from torch import nn

from cifar_cli.lessons.convolution import IMAGE
from cifar_cli.lessons.pooling import EIGHT, output_size, pool, pooling_gradient


def test_the_worked_numbers() -> None:
    assert pool(EIGHT, kernel_size=2).tolist() == [[6, 8]]
    assert pool(IMAGE, kernel_size=3).tolist() == [[2]]
    assert pool(IMAGE, kernel_size=3, ceil_mode=True).tolist() == [[2, 3], [5, 1]]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pooling_window_by_window_is_torchs(ceil_mode: bool) -> None:
    image = torch.randn(7, 8)
    for kernel_size in (2, 3, 4):
        expected = nn.MaxPool2d(kernel_size, ceil_mode=ceil_mode)(image[None])[0]
        assert torch.equal(pool(image, kernel_size=kernel_size, ceil_mode=ceil_mode), expected)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(3, 3, 0), (1, 3, 0), (2, 3, 1), (3, 2, 1), (2, 5, 0)])
def test_the_formula_gives_the_size_that_torch_gives(
    kernel_size: int, stride: int, padding: int, ceil_mode: bool
) -> None:
    layer = nn.MaxPool2d(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
    for size in range(4, 33):
        expected = layer(torch.zeros(1, size, size)).shape[-1]
        sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        assert output_size(size, **sizes, ceil_mode=ceil_mode) == expected


def test_cifar_images_pool_to_10_and_with_ceil_mode_to_11() -> None:
    assert output_size(32, kernel_size=3, stride=3) == 10
    assert output_size(32, kernel_size=3, stride=3, ceil_mode=True) == 11


def test_the_gradient_goes_to_the_winners_only() -> None:
    assert pooling_gradient().tolist() == [[0, 0, 0, 0], [0, 1, 0, 1]]

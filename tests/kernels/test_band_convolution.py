"""Convolutions by band matrices held against torch's own, in values and in both gradients."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from cifar_cli.kernels.band_convolution import band_conv3x3, band_matrices, filters_of_bands

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]  # the fixtures of conftest.py
Compute = Callable[..., list[Tensor]]

by_torch = partial(conv2d, padding=1)


def test_the_taps_of_a_filters_row_are_a_band_along_the_diagonal() -> None:
    weight = torch.arange(1, 10).view(1, 1, 3, 3)
    upper, middle, _ = band_matrices(weight, width=4).unbind(1)
    assert upper.tolist() == [
        [2, 3, 0, 0],
        [1, 2, 3, 0],
        [0, 1, 2, 3],
        [0, 0, 1, 2],
    ]
    assert middle[1].tolist() == [4, 5, 6, 0]


def test_the_gradient_of_a_tap_is_the_sum_over_all_columns_that_it_meets() -> None:
    # In a row of four columns the middle tap meets four of them, the outer taps three each.
    taps = filters_of_bands(torch.ones(4, 3, 4), width=4)
    assert taps.tolist() == [[[[3, 4, 3]] * 3]]


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (2, 2), (3, 2), (3, 3), (4, 5)])
@pytest.mark.parametrize("images", [1, 7])
def test_values_and_gradients_are_those_of_torchs_convolution(
    random_convolution: Draw, values_and_gradients: Compute, size: tuple[int, int], images: int
) -> None:
    numbers = random_convolution(size, channels=(3, 4), dtype=torch.float64, images=images)
    for layout in (torch.channels_last, torch.contiguous_format):
        laid_out = [number.contiguous(memory_format=layout) for number in numbers]
        torch.testing.assert_close(
            values_and_gradients(band_conv3x3, *laid_out),
            values_and_gradients(by_torch, *numbers),
            rtol=1e-11,
            atol=1e-11,
        )


@pytest.mark.parametrize("side", [1, 2, 3])
def test_in_bf16_errors_are_about_those_of_torchs_convolution(
    random_convolution: Draw, values_and_gradients: Compute, side: int
) -> None:
    exact = random_convolution((side, side), channels=(64, 32), dtype=torch.float64, images=64)
    rounded = [number.bfloat16() for number in exact]
    wanted = values_and_gradients(by_torch, *(number.double() for number in rounded))
    ours, torchs = (values_and_gradients(convolve, *rounded) for convolve in (band_conv3x3, by_torch))
    for got, peer, truth in zip(ours, torchs, wanted, strict=True):
        assert got.dtype == torch.bfloat16
        assert (got - truth).norm() <= 1.5 * (peer - truth).norm()  # a product for each row is rounded, then their sum


@pytest.mark.parametrize("size", [(2, 2), (3, 2)])
def test_gradients_are_those_of_finite_differences(random_convolution: Draw, size: tuple[int, int]) -> None:
    images, weight, _ = random_convolution(size, channels=(2, 2), dtype=torch.float64, images=3)
    assert torch.autograd.gradcheck(band_conv3x3, (images.requires_grad_(), weight.requires_grad_()))

"""Convolutions with packed weight gradients held against torch's own, in values and in both gradients."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from cifar_cli.kernels import packed_weight_gradient
from cifar_cli.kernels.packed_weight_gradient import pack_maps, packed_conv3x3

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]  # the fixtures of conftest.py
Compute = Callable[..., list[Tensor]]

by_torch = partial(conv2d, padding=1)


def test_two_maps_are_packed_in_a_row_with_zeros_after_each_and_an_empty_map_fills_the_last_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packed_weight_gradient, "PACKED_PIXELS", 8)
    maps = torch.arange(1, 13).view(3, 1, 2, 2)  # 1 to 4, 5 to 8, 9 to 12
    assert pack_maps(maps).tolist() == [
        [[[1, 2, 0, 5, 6, 0], [3, 4, 0, 7, 8, 0]]],
        [[[9, 10, 0, 0, 0, 0], [11, 12, 0, 0, 0, 0]]],
    ]


@pytest.mark.parametrize(("side", "in_row"), [(7, 4), (5, 7), (3, 20), (20, 1)])
def test_small_maps_are_packed_and_large_maps_stand_alone(side: int, in_row: int) -> None:
    packed = pack_maps(torch.zeros(40, 2, side, side))
    assert packed.shape == (-(-40 // in_row), 2, side, in_row * (side + 1))
    assert packed.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 5), (7, 7), (15, 4), (20, 20)])
@pytest.mark.parametrize("images", [1, 20, 23])
def test_values_and_gradients_are_those_of_torchs_convolution(
    random_convolution: Draw, values_and_gradients: Compute, size: tuple[int, int], images: int
) -> None:
    numbers = random_convolution(size, channels=(3, 4), dtype=torch.float64, images=images)
    torch.testing.assert_close(
        values_and_gradients(packed_conv3x3, *numbers),
        values_and_gradients(by_torch, *numbers),
        rtol=1e-11,
        atol=1e-11,
    )


def test_in_bf16_errors_are_no_larger_than_those_of_torchs_convolution(
    random_convolution: Draw, values_and_gradients: Compute
) -> None:
    exact = random_convolution((7, 7), channels=(64, 32), dtype=torch.float64, images=64)
    rounded = [number.bfloat16() for number in exact]
    wanted = values_and_gradients(by_torch, *(number.double() for number in rounded))
    ours, torchs = (values_and_gradients(convolve, *rounded) for convolve in (packed_conv3x3, by_torch))
    for got, peer, truth in zip(ours, torchs, wanted, strict=True):
        assert got.dtype == torch.bfloat16
        assert (got - truth).norm() <= 1.1 * (peer - truth).norm()


def test_only_the_gradients_that_are_needed_are_computed(random_convolution: Draw) -> None:
    images, filters, gradient = random_convolution((3, 3), channels=(3, 4), dtype=torch.float64, images=4)

    def gradients_computed(*, of_images: bool, of_filters: bool) -> int:
        inputs = images.clone().requires_grad_(of_images), filters.clone().requires_grad_(of_filters)
        convolved = packed_conv3x3(*inputs)
        with torch.profiler.profile() as profile:
            convolved.backward(gradient)
        return sum(event.count for event in profile.key_averages() if event.key == "aten::convolution_backward")

    assert gradients_computed(of_images=False, of_filters=True) == 1
    assert gradients_computed(of_images=True, of_filters=False) == 1
    assert gradients_computed(of_images=True, of_filters=True) == 2


def test_gradients_are_those_of_finite_differences(random_convolution: Draw) -> None:
    images, weight, _ = random_convolution((3, 2), channels=(2, 2), dtype=torch.float64, images=3)
    assert torch.autograd.gradcheck(packed_conv3x3, (images.requires_grad_(), weight.requires_grad_()))

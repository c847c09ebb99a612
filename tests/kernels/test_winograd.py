"""Winograd's convolution held against torch's own, in values and in both gradients."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from cifar_cli.kernels import winograd
from cifar_cli.kernels.winograd import winograd_conv3x3

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]  # the fixtures of conftest.py
Compute = Callable[..., list[Tensor]]

by_torch = partial(conv2d, padding=1)

# Each side with another number of tiles of 2, 3 or 4 pixels, whole and cut off.
SIZES = [(1, 2), (3, 3), (5, 4), (7, 7), (11, 3), (15, 15), (23, 8), (31, 31)]


@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_those_of_torchs_convolution(
    random_convolution: Draw, values_and_gradients: Compute, size: tuple[int, int]
) -> None:
    numbers = random_convolution(size, channels=(3, 4), dtype=torch.float64)
    torch.testing.assert_close(
        values_and_gradients(winograd_conv3x3, *numbers),
        values_and_gradients(by_torch, *numbers),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize(("size", "window", "left"), [((7, 7), 2, (6, 6)), ((15, 4), 2, (14, 4)), ((11, 5), 3, (9, 3))])
def test_pixels_that_fill_no_pooling_window_are_left_out_and_the_rest_is_torchs(
    random_convolution: Draw, values_and_gradients: Compute, size: tuple[int, int], window: int, left: tuple[int, int]
) -> None:
    images, weight, _ = random_convolution(size, channels=(3, 4), dtype=torch.float64)
    *_, gradient = random_convolution(left, channels=(3, 4), dtype=torch.float64)

    def whole_windows(images: Tensor, weight: Tensor) -> Tensor:
        return by_torch(images, weight)[..., : left[0], : left[1]]

    torch.testing.assert_close(
        values_and_gradients(partial(winograd_conv3x3, window=window), images, weight, gradient),
        values_and_gradients(whole_windows, images, weight, gradient),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize("size", [(3, 3), (7, 7), (15, 15)])
def test_in_fp32_errors_are_a_few_millionths(
    random_convolution: Draw, values_and_gradients: Compute, size: tuple[int, int]
) -> None:
    numbers = random_convolution(size, channels=(64, 32), dtype=torch.float32)
    exact = values_and_gradients(by_torch, *(number.double() for number in numbers))
    for got, wanted in zip(values_and_gradients(winograd_conv3x3, *numbers), exact, strict=True):
        assert (got - wanted).norm() / wanted.norm() < 3e-6


@pytest.mark.parametrize(("size", "error"), [((2, 2), 0.01), ((3, 3), 0.015), ((15, 15), 0.02)])
@pytest.mark.parametrize("inside_autocast", [False, True])
def test_in_bf16_errors_are_below_two_percent_and_the_filters_gradient_has_the_filters_precision(
    random_convolution: Draw, values_and_gradients: Compute, size: tuple[int, int], error: float, inside_autocast: bool
) -> None:
    images, weight, gradient = random_convolution(size, channels=(64, 32), dtype=torch.float32, images=64)
    rounded = images.bfloat16(), weight, gradient.bfloat16()
    wanted = values_and_gradients(by_torch, *(number.double() for number in rounded))
    with torch.autocast("cpu", torch.bfloat16, enabled=inside_autocast):
        ours = values_and_gradients(winograd_conv3x3, *rounded)
    assert [got.dtype for got in ours] == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert not torch.equal(ours[2], ours[2].bfloat16().float()), "rounded, and widened again"
    for got, truth in zip(ours, wanted, strict=True):
        assert (got - truth).norm() <= error * truth.norm()


def test_fp32_stays_fp32_under_autocast(random_convolution: Draw, values_and_gradients: Compute) -> None:
    numbers = random_convolution((7, 7), channels=(3, 4), dtype=torch.float32)
    expected = values_and_gradients(winograd_conv3x3, *numbers)
    with torch.autocast("cpu", torch.bfloat16):
        for got, wanted in zip(values_and_gradients(winograd_conv3x3, *numbers), expected, strict=True):
            assert torch.equal(got, wanted)


def test_gradients_are_those_of_finite_differences(random_convolution: Draw) -> None:
    images, weight, _ = random_convolution((5, 3), channels=(2, 2), dtype=torch.float64, images=2)
    assert torch.autograd.gradcheck(winograd_conv3x3, (images.requires_grad_(), weight.requires_grad_()))


def test_a_batch_in_chunks_gives_the_same_as_whole(
    random_convolution: Draw, values_and_gradients: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = random_convolution((7, 7), channels=(3, 4), dtype=torch.float64)
    monkeypatch.setattr(winograd, "CHUNK_BYTES", 2 * 12 * 12 * (3 + 4) * 8)  # two images, of five
    torch.testing.assert_close(
        values_and_gradients(winograd_conv3x3, *numbers),
        values_and_gradients(by_torch, *numbers),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize("wanted", [0, 1])
def test_one_gradient_can_be_computed_alone(random_convolution: Draw, wanted: int) -> None:
    *given, gradient = random_convolution((7, 7), channels=(3, 4), dtype=torch.float64)
    given[wanted].requires_grad_()
    (got,) = torch.autograd.grad(winograd_conv3x3(given[0], given[1]), given[wanted], gradient)
    (expected,) = torch.autograd.grad(by_torch(given[0], given[1]), given[wanted], gradient)
    torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-11)


def test_any_memory_format_is_taken_and_the_output_is_channels_last(
    random_convolution: Draw, values_and_gradients: Compute
) -> None:
    images, weight, gradient = random_convolution((7, 7), channels=(3, 4), dtype=torch.float64)
    plain = [number.contiguous() for number in (images, weight, gradient)]
    results = values_and_gradients(winograd_conv3x3, *plain)
    assert results[0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(
        results, values_and_gradients(by_torch, images, weight, gradient), rtol=1e-11, atol=1e-11
    )

"""Our two other ways to compute a 3×3 convolution held against torch's own, in values and in both gradients."""

from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from cifar_cli.kernels import packed_weight_gradient as side_by_side_module
from cifar_cli.kernels import winograd
from cifar_cli.kernels.packed_weight_gradient import pack_maps, packed_conv3x3
from cifar_cli.kernels.winograd import winograd_conv3x3
from cifar_cli.kernels.winograd_tiles import tiling_of

# Each side with another number of tiles of 2, 3 or 4 pixels, whole and cut off.
SIZES = [(1, 2), (3, 3), (5, 4), (7, 7), (11, 3), (15, 15), (23, 8), (31, 31)]


def drawn(
    size: tuple[int, int], *, channels: tuple[int, int], dtype: torch.dtype, images: int = 5
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns images, filters, and a gradient of what they give."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype).to(memory_format=torch.channels_last)

    filters = normal(channels[1], channels[0], 3, 3) / (9 * channels[0]) ** 0.5
    return normal(images, channels[0], *size), filters, normal(images, channels[1], *size)


def by_torch(images: Tensor, weight: Tensor) -> Tensor:
    return conv2d(images, weight, padding=1)


def values_and_gradients(convolve: object, images: Tensor, weight: Tensor, gradient: Tensor) -> list[Tensor]:
    assert callable(convolve)
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    convolved = convolve(images, weight)
    return [convolved.detach(), *torch.autograd.grad(convolved, (images, weight), gradient)]


@pytest.mark.parametrize("size", SIZES)
def test_it_gives_the_values_and_gradients_of_torchs_convolution(size: tuple[int, int]) -> None:
    numbers = drawn(size, channels=(3, 4), dtype=torch.float64)
    torch.testing.assert_close(
        values_and_gradients(winograd_conv3x3, *numbers),
        values_and_gradients(by_torch, *numbers),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize(("size", "window", "left"), [((7, 7), 2, (6, 6)), ((15, 4), 2, (14, 4)), ((11, 5), 3, (9, 3))])
def test_what_fills_no_window_of_a_pooling_is_left_out_and_the_rest_is_torchs(
    size: tuple[int, int], window: int, left: tuple[int, int]
) -> None:
    images, weight, _ = drawn(size, channels=(3, 4), dtype=torch.float64)
    *_, gradient = drawn(left, channels=(3, 4), dtype=torch.float64)

    def whole_windows(images: Tensor, weight: Tensor) -> Tensor:
        return by_torch(images, weight)[..., : left[0], : left[1]]

    torch.testing.assert_close(
        values_and_gradients(partial(winograd_conv3x3, window=window), images, weight, gradient),
        values_and_gradients(whole_windows, images, weight, gradient),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize(
    # A tile of m takes m + 2 points: 15 = 4 + 4 + 4 + 3, 14 = 4 + 4 + 3 + 3, 7 = 4 + 3, 6 = 3 + 3; 1 takes a tile of 2.
    ("side", "window", "points"),
    [(15, 1, 23), (15, 2, 22), (12, 1, 18), (7, 1, 11), (7, 2, 10), (3, 1, 5), (1, 1, 4)],
)
def test_no_line_takes_more_products_than_the_fewest_tiles_that_cover_it(side: int, window: int, points: int) -> None:
    assert tiling_of(side, 4, window, torch.float64).points_per_image == points * 6


@pytest.mark.parametrize("size", [(3, 3), (7, 7), (15, 15)])
def test_in_fp32_it_is_within_a_few_millionths(size: tuple[int, int]) -> None:
    numbers = drawn(size, channels=(64, 32), dtype=torch.float32)
    exact = values_and_gradients(by_torch, *(number.double() for number in numbers))
    for got, wanted in zip(values_and_gradients(winograd_conv3x3, *numbers), exact, strict=True):
        assert (got - wanted).norm() / wanted.norm() < 3e-6


@pytest.mark.parametrize(("size", "error"), [((2, 2), 0.01), ((3, 3), 0.015), ((15, 15), 0.02)])
@pytest.mark.parametrize("inside_autocast", [False, True])
def test_in_bf16_it_is_within_two_percent_and_sums_the_filters_gradient_in_theirs(
    size: tuple[int, int], error: float, inside_autocast: bool
) -> None:
    images, weight, gradient = drawn(size, channels=(64, 32), dtype=torch.float32, images=64)
    rounded = images.bfloat16(), weight, gradient.bfloat16()
    wanted = values_and_gradients(by_torch, *(number.double() for number in rounded))
    with torch.autocast("cpu", torch.bfloat16, enabled=inside_autocast):
        ours = values_and_gradients(winograd_conv3x3, *rounded)
    assert [got.dtype for got in ours] == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert not torch.equal(ours[2], ours[2].bfloat16().float()), "rounded, and widened again"
    for got, truth in zip(ours, wanted, strict=True):
        assert (got - truth).norm() <= error * truth.norm()


def test_in_fp32_it_stays_in_fp32_under_autocast() -> None:
    numbers = drawn((7, 7), channels=(3, 4), dtype=torch.float32)
    expected = values_and_gradients(winograd_conv3x3, *numbers)
    with torch.autocast("cpu", torch.bfloat16):
        for got, wanted in zip(values_and_gradients(winograd_conv3x3, *numbers), expected, strict=True):
            assert torch.equal(got, wanted)


def test_its_gradients_are_those_of_small_differences() -> None:
    images, weight, _ = drawn((5, 3), channels=(2, 2), dtype=torch.float64, images=2)
    assert torch.autograd.gradcheck(winograd_conv3x3, (images.requires_grad_(), weight.requires_grad_()))


def test_a_batch_in_chunks_gives_what_it_gives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = drawn((7, 7), channels=(3, 4), dtype=torch.float64)
    monkeypatch.setattr(winograd, "CHUNK_BYTES", 2 * 12 * 12 * (3 + 4) * 8)  # two images, of five
    torch.testing.assert_close(
        values_and_gradients(winograd_conv3x3, *numbers),
        values_and_gradients(by_torch, *numbers),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize("wanted", [0, 1])
def test_a_gradient_may_be_asked_for_alone(wanted: int) -> None:
    *given, gradient = drawn((7, 7), channels=(3, 4), dtype=torch.float64)
    given[wanted].requires_grad_()
    (got,) = torch.autograd.grad(winograd_conv3x3(given[0], given[1]), given[wanted], gradient)
    (expected,) = torch.autograd.grad(by_torch(given[0], given[1]), given[wanted], gradient)
    torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-11)


def test_it_takes_any_memory_layout_and_gives_channels_last() -> None:
    images, weight, gradient = drawn((7, 7), channels=(3, 4), dtype=torch.float64)
    plain = [number.contiguous() for number in (images, weight, gradient)]
    results = values_and_gradients(winograd_conv3x3, *plain)
    assert results[0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(
        results, values_and_gradients(by_torch, images, weight, gradient), rtol=1e-11, atol=1e-11
    )


def test_two_maps_lie_in_a_row_with_zeros_behind_each_and_an_empty_one_fills_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(side_by_side_module, "PIXELS_TOGETHER", 8)
    maps = torch.arange(1, 13).view(3, 1, 2, 2)  # 1 to 4, 5 to 8, 9 to 12
    assert pack_maps(maps).tolist() == [
        [[[1, 2, 0, 5, 6, 0], [3, 4, 0, 7, 8, 0]]],
        [[[9, 10, 0, 0, 0, 0], [11, 12, 0, 0, 0, 0]]],
    ]


@pytest.mark.parametrize(("side", "in_row"), [(7, 4), (5, 7), (3, 20), (20, 1)])
def test_small_maps_lie_together_large_ones_alone(side: int, in_row: int) -> None:
    wide = pack_maps(torch.zeros(40, 2, side, side))
    assert wide.shape == (-(-40 // in_row), 2, side, in_row * (side + 1))
    assert wide.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 5), (7, 7), (15, 4), (20, 20)])
@pytest.mark.parametrize("images", [1, 20, 23])
def test_maps_side_by_side_give_the_values_and_gradients_of_torchs_convolution(
    size: tuple[int, int], images: int
) -> None:
    numbers = drawn(size, channels=(3, 4), dtype=torch.float64, images=images)
    torch.testing.assert_close(
        values_and_gradients(packed_conv3x3, *numbers),
        values_and_gradients(by_torch, *numbers),
        rtol=1e-11,
        atol=1e-11,
    )


def test_side_by_side_in_bf16_it_is_as_near_to_the_truth_as_torchs_convolution() -> None:
    exact = drawn((7, 7), channels=(64, 32), dtype=torch.float64, images=64)
    rounded = [number.bfloat16() for number in exact]
    wanted = values_and_gradients(by_torch, *(number.double() for number in rounded))
    ours, torchs = (values_and_gradients(way, *rounded) for way in (packed_conv3x3, by_torch))
    for got, peer, truth in zip(ours, torchs, wanted, strict=True):
        assert got.dtype == torch.bfloat16
        assert (got - truth).norm() <= 1.1 * (peer - truth).norm()


def test_no_gradient_is_computed_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    images, weight, gradient = drawn((3, 3), channels=(3, 4), dtype=torch.float64, images=4)
    of_images: list[bool] = []
    original = side_by_side_module._gradients

    def noted(*tensors: Tensor, **which: bool) -> Tensor:
        of_images.append(which["of_images"])
        return original(*tensors, **which)

    monkeypatch.setattr(side_by_side_module, "_gradients", noted)
    packed_conv3x3(images, weight.clone().requires_grad_()).backward(gradient)
    assert of_images == [False]
    packed_conv3x3(images.clone().requires_grad_(), weight).backward(gradient)
    assert of_images == [False, True]


def test_gradients_side_by_side_are_those_of_small_differences() -> None:
    images, weight, _ = drawn((3, 2), channels=(2, 2), dtype=torch.float64, images=3)
    assert torch.autograd.gradcheck(packed_conv3x3, (images.requires_grad_(), weight.requires_grad_()))

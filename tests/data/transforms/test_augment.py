"""Each batch augmentation against a slow, obvious version that handles one image at a time, and against torchvision."""

from typing import Any

import pytest
import torch
import torchvision.transforms.functional as TF
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cifar_cli.data.transforms.augment import (
    Augment,
    crop_padded,
    erase,
    flip_once,
    flip_where,
    random_cutout,
    random_flip,
    random_translate,
)


def random_images(count: int, channels: int = 3, height: int = 32, width: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randint(256, (count, channels, height, width), dtype=torch.uint8, generator=generator)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Copies(TorchDispatchMode):
    """Notes of each copy that is made within it whether the program goes on meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.are_non_blocking: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default:
            self.are_non_blocking.append(bool(kwargs.get("non_blocking")))
        return func(*args, **(kwargs or {}))


def erase_pixel_by_pixel(image: Tensor, y: int, x: int, size: int, fill: tuple[int, ...]) -> Tensor:
    image = image.clone()
    for row in range(y - size // 2, y - size // 2 + size):
        for column in range(x - size // 2, x - size // 2 + size):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                for channel, value in enumerate(fill):
                    image[channel, row, column] = value
    return image


def test_flip_equals_torchvision_image_by_image():
    images = random_images(8)
    mask = torch.tensor([True, False, True, True, False, False, True, False])
    expected = [TF.hflip(image) if flipped else image for image, flipped in zip(images, mask, strict=True)]
    assert torch.equal(flip_where(images, mask), torch.stack(expected))


@pytest.mark.parametrize("pixels", [1, 2, 4])
@pytest.mark.parametrize(("channels", "height", "width"), [(3, 32, 32), (1, 28, 28), (3, 6, 9)])
def test_crop_of_padded_equals_torchvision_at_every_corner(pixels: int, channels: int, height: int, width: int):
    corners = [(top, left) for top in range(2 * pixels + 1) for left in range(2 * pixels + 1)]
    images = random_images(len(corners), channels, height, width)
    padded = [TF.pad(image, [pixels] * 4, padding_mode="reflect") for image in images]
    expected = [TF.crop(image, *corner, height, width) for image, corner in zip(padded, corners, strict=True)]
    top, left = torch.tensor(corners).T
    assert torch.equal(crop_padded(images, top=top, left=left, pixels=pixels), torch.stack(expected))


def test_what_is_drawn_goes_to_another_device_without_waiting_for_it():
    images = random_images(8).to("meta")  # a device that computes nothing, and is not the generator's
    with Copies() as copies:
        random_flip(images, generator=seeded(0))
        random_translate(images, 2, generator=seeded(0))
        random_cutout(images, 8, fill=(1, 2, 3), generator=seeded(0))
    assert copies.are_non_blocking == [True] * 5


def test_shift_of_one_row_by_hand():
    image = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).expand(3, 4).reshape(1, 1, 3, 4)
    moved_right = crop_padded(image, top=torch.tensor([1]), left=torch.tensor([0]), pixels=1)
    moved_left = crop_padded(image, top=torch.tensor([1]), left=torch.tensor([2]), pixels=1)
    assert moved_right[0, 0, 0].tolist() == [20, 10, 20, 30]
    assert moved_left[0, 0, 0].tolist() == [20, 30, 40, 30]


@pytest.mark.parametrize("size", [1, 4, 5, 12])
def test_erase_equals_painting_pixel_by_pixel(size: int):
    centers = [(0, 0), (0, 31), (31, 0), (31, 31), (16, 16), (3, 20), (15, 1)]
    images, fill = random_images(len(centers)), (1, 128, 255)
    expected = [erase_pixel_by_pixel(image, y, x, size, fill) for image, (y, x) in zip(images, centers, strict=True)]
    center_y, center_x = torch.tensor(centers).T
    erased = erase(images, center_y=center_y, center_x=center_x, size=size, fill=fill)
    assert torch.equal(erased, torch.stack(expected))


def test_random_flip_gives_each_image_or_its_mirror_image_about_half_the_time():
    images = random_images(1000, height=4, width=4)
    flipped = random_flip(images, generator=seeded(0))
    is_flipped = (flipped == images.flip(-1)).flatten(1).all(1)
    is_kept = (flipped == images).flatten(1).all(1)
    assert bool((is_flipped ^ is_kept).all())
    assert 430 < int(is_flipped.sum()) < 570  # 500 ± 4.4 standard deviations


def test_random_translate_reaches_every_shift_and_draws_both_directions_apart():
    # Each pixel of the ramp says where it came from; its middle is never a reflection.
    ramp = torch.arange(121, dtype=torch.uint8).view(1, 1, 11, 11).expand(5000, 1, 11, 11)
    middle = random_translate(ramp, 2, generator=seeded(0))[:, 0, 5, 5].long()
    shifts = torch.stack((middle // 11 - 5, middle % 11 - 5), dim=1)
    counts = torch.unique(shifts, dim=0, return_counts=True)[1]
    assert len(counts) == 25
    assert counts.min() > 140  # 200 expected, standard deviation 14
    assert int(shifts.abs().max()) == 2


def test_random_cutout_covers_a_whole_square_inside_and_less_at_the_border():
    black = torch.zeros(4000, 1, 8, 8, dtype=torch.uint8)
    covered = (random_cutout(black, 4, fill=(255,), generator=seeded(0)) == 255).flatten(1).sum(1)
    # A centre at 0…7 covers 2, 3, 4, 4, 4, 4, 4, 3 of an axis's pixels: 28/8 on average, two axes drawn apart.
    assert set(covered.tolist()) == {4, 6, 8, 9, 12, 16}
    assert float(covered.float().mean()) == pytest.approx(3.5**2, abs=0.25)


@pytest.mark.parametrize(
    "augment", [Augment(flip="random"), Augment(translate=4), Augment(cutout=8, fill=(125, 123, 114))], ids=str
)
def test_same_generator_state_gives_same_images_and_input_stays_as_it_was(augment: Augment):
    images = random_images(64)
    before = images.clone()
    first, second = augment(images, seeded(3), epoch=0), augment(images, seeded(3), epoch=0)
    assert torch.equal(first, second)
    assert not torch.equal(first, augment(images, seeded(4), epoch=0))
    assert torch.equal(images, before)
    assert (first.dtype, first.shape) == (torch.uint8, images.shape)


def test_augment_applies_flip_then_translate_then_cutout():
    images, fill = random_images(16), (9, 8, 7)
    generator = seeded(5)
    expected = random_flip(images, generator=generator)
    expected = random_translate(expected, 2, generator=generator)
    expected = random_cutout(expected, 6, fill=fill, generator=generator)
    augment = Augment(flip="random", translate=2, cutout=6, fill=fill)
    assert torch.equal(augment(images, seeded(5), epoch=0), expected)


def test_augment_with_nothing_chosen_gives_the_images_and_draws_nothing():
    images, generator = random_images(4), seeded(0)
    state = generator.get_state()
    assert Augment()(images, generator, epoch=1) is images
    assert torch.equal(generator.get_state(), state)


def test_alternating_flip_shows_each_image_both_ways_in_any_two_epochs_and_half_of_them_each_way_in_one():
    images = random_images(1000)
    once = flip_once(images, seed=7)
    augment = Augment(flip="alternating")
    shown = [augment(once, seeded(0), epoch=epoch) for epoch in range(3)]
    as_it_was = [(epoch == images).flatten(1).all(1) for epoch in shown]
    mirrored = [(epoch == images.flip(-1)).flatten(1).all(1) for epoch in shown]
    assert all(torch.equal(kept, ~other) for kept, other in zip(as_it_was, mirrored, strict=True))
    assert torch.equal(shown[0], once)  # epochs count from 0
    assert torch.equal(as_it_was[0], mirrored[1])
    assert torch.equal(as_it_was[0], as_it_was[2])
    # A fair coin thrown 1,000 times stays within five standard deviations, 79, of 500.
    assert abs(int(as_it_was[0].sum()) - 500) < 79


def test_which_images_an_alternating_flip_begins_with_is_the_seeds_choice():
    images = random_images(64)
    assert torch.equal(flip_once(images, seed=1), flip_once(images, seed=1))
    assert not torch.equal(flip_once(images, seed=1), flip_once(images, seed=2))

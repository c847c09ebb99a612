"""Flips against torchvision image by image, and the drawn flips."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torchvision.transforms.functional as TF

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.flip import AlternatingFlip, flip, flip_where, random_flip

Make = Callable[..., Batch]
Seeded = Callable[[int], torch.Generator]


def is_equal(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    return (images == others).flatten(1).all(1)


def test_flip_equals_torchvision_image_by_image(random_batch: Make) -> None:
    images = random_batch(8).images
    mask = torch.tensor([True, False, True, True, False, False, True, False])
    expected = [TF.hflip(image) if flipped else image for image, flipped in zip(images, mask, strict=True)]
    assert torch.equal(flip_where(images, mask), torch.stack(expected))


def test_random_flip_gives_each_image_or_its_mirror_image_about_half_the_time(
    random_batch: Make, seeded: Seeded
) -> None:
    batch = random_batch(1000, height=4, width=4)
    flipped = random_flip(batch, seeded(0)).images
    is_flipped, is_kept = is_equal(flipped, batch.images.flip(-1)), is_equal(flipped, batch.images)
    assert bool((is_flipped ^ is_kept).all())
    assert 430 < int(is_flipped.sum()) < 570  # 500 ± 4.4 standard deviations


def test_the_alternating_flip_shows_each_image_both_ways_in_any_two_epochs_and_half_of_them_each_way_in_one(
    random_batch: Make, seeded: Seeded
) -> None:
    batch = random_batch(1000)
    alternate = flip("alternating", num_images=1000, seed=7)
    shown = [alternate(replace(batch, epoch=epoch), seeded(0)).images for epoch in range(3)]
    as_it_was = [is_equal(images, batch.images) for images in shown]
    mirrored = [is_equal(images, batch.images.flip(-1)) for images in shown]
    assert all(torch.equal(kept, ~other) for kept, other in zip(as_it_was, mirrored, strict=True))
    assert torch.equal(as_it_was[0], mirrored[1])
    assert torch.equal(as_it_was[0], as_it_was[2])
    # A fair coin thrown 1,000 times stays within five standard deviations, 79, of 500.
    assert abs(int(as_it_was[0].sum()) - 500) < 79


def test_an_image_is_flipped_by_its_own_index_wherever_it_stands_in_a_batch(random_batch: Make, seeded: Seeded) -> None:
    batch = random_batch(64)
    alternate = AlternatingFlip(64, seed=3)
    order = torch.randperm(64, generator=seeded(1))
    shuffled = Batch(batch.images[order], batch.targets[order], order)
    assert torch.equal(alternate(shuffled, seeded(0)).images, alternate(batch, seeded(0)).images[order])


def test_which_images_the_alternating_flip_begins_with_is_the_seeds_choice(random_batch: Make, seeded: Seeded) -> None:
    batch = random_batch(64)
    first, again, other = (AlternatingFlip(64, seed=seed)(batch, seeded(0)).images for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)

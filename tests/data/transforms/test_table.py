"""Every augmentation of the table: what it keeps, what its draws depend on, and the order of application."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.augmentation import Transform
from cifar_cli.data.transforms.table import AUGMENT, AUGMENTATIONS
from cifar_cli.section import call_with_accepted, load_target

COUNT = 64
Make = Callable[..., Batch]
Seeded = Callable[[int], torch.Generator]


def build(key: str, *, channels: int = 3) -> Transform:
    """Returns the augmentation with its example, for COUNT images, each a class of its own."""
    entry, mean = AUGMENTATIONS[key], (0.5, 0.4, 0.3)[:channels]
    available = {"num_images": COUNT, "num_classes": COUNT, "mean": mean, "seed": 0}
    return call_with_accepted(load_target(entry.target), (entry.example,), available)


def batch_for(key: str, make: Make, *shape: int) -> Batch:
    """Returns a batch as the augmentation takes it: uint8 pixels, or normalized ones; image i has the label i."""
    batch = make(*shape)
    images = batch.images.float() / 255 if AUGMENTATIONS[key].takes_normalized else batch.images
    return replace(batch, images=images, targets=batch.indices)


class Copies(TorchDispatchMode):
    """Notes of each copy that is made within it whether the program goes on meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.are_non_blocking: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default and kwargs.get("device") is not None:
            self.are_non_blocking.append(bool(kwargs.get("non_blocking")))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_the_same_generator_state_gives_the_same_batch_and_the_input_stays_as_it_was(
    key: str, random_batch: Make, seeded: Seeded
) -> None:
    augment, batch = build(key), batch_for(key, random_batch, COUNT)
    before = batch.images.clone()
    first, second = augment(batch, seeded(3)), augment(batch, seeded(3))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.targets, second.targets)
    assert not torch.equal(first.images, before)
    assert torch.equal(batch.images, before)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (7, 3, 32, 32), (5, 1, 28, 28)], ids=str)
@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_the_shape_and_the_type_stay_of_one_image_too_and_of_grey_ones(
    key: str, shape: tuple[int, ...], random_batch: Make, seeded: Seeded
) -> None:
    augment, batch = build(key, channels=shape[1]), batch_for(key, random_batch, *shape)
    augmented = augment(batch, seeded(0))
    sides = AUGMENTATIONS[key].new_sides(AUGMENTATIONS[key].example) or shape[2:]
    assert augmented.images.shape == (*shape[:2], sides[0], sides[0])
    assert augmented.images.dtype == batch.images.dtype
    assert augmented.targets.shape in (shape[:1], (shape[0], COUNT))
    assert torch.equal(augmented.indices, batch.indices)


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_an_image_and_its_draw_depend_on_no_image_but_those_that_its_target_names(
    key: str, random_batch: Make, seeded: Seeded
) -> None:
    augment, batch = build(key), batch_for(key, random_batch, COUNT)
    other = replace(batch, images=batch.images.clone())
    other.images[10] = 0  # the content of one image is another
    ours, theirs = seeded(1), seeded(1)
    first, second = augment(batch, ours), augment(other, theirs)
    assert torch.equal(ours.get_state(), theirs.get_state())
    assert torch.equal(first.targets, second.targets)
    targets = first.targets if first.targets.dim() == 2 else F.one_hot(first.targets, COUNT)
    apart = targets[:, 10] == 0
    assert COUNT - 2 <= int(apart.sum()) < COUNT
    assert torch.equal(first.images[apart], second.images[apart])


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_draws_come_from_the_given_generator_alone_so_that_every_process_draws_the_same(
    key: str, random_batch: Make, seeded: Seeded
) -> None:
    # Processes that train together share the seed and the batch, but not the global random states: dropout of other
    # shares of the batch has drawn from them.
    augmented = []
    for rank in range(2):
        torch.manual_seed(rank)
        random.seed(rank)
        numpy.random.seed(rank)
        augmented.append(build(key)(batch_for(key, random_batch, COUNT), seeded(5)))
    assert torch.equal(augmented[0].images, augmented[1].images)
    assert torch.equal(augmented[0].targets, augmented[1].targets)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_a_gpu_gets_the_same_draws(key: str, random_batch: Make, seeded: Seeded) -> None:
    augment, batch, ours, theirs = build(key), batch_for(key, random_batch, COUNT), seeded(2), seeded(2)
    here = augment(batch, ours)
    there = augment(batch.to(torch.device("cuda")), theirs).to(torch.device("cpu"))
    assert torch.equal(ours.get_state(), theirs.get_state())
    torch.testing.assert_close(there.targets, here.targets)
    # Another device may round a last bit otherwise.
    different = (there.images.float() - here.images.float()).abs() > 1e-4
    assert float(different.float().mean()) < 0.02


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_nothing_waits_for_the_device_and_random_numbers_go_there_without_blocking(
    key: str, random_batch: Make, seeded: Seeded
) -> None:
    augment = build(key)
    # A device that computes nothing, so that nothing can be read from it, and is not the generator's.
    batch = batch_for(key, random_batch, 8).to(torch.device("meta"))
    generator = seeded(0)
    before = generator.get_state()
    with Copies() as copies:
        augment(batch, generator)
    assert all(copies.are_non_blocking)
    assert bool(copies.are_non_blocking) == (not torch.equal(generator.get_state(), before))


def test_augmentations_are_applied_in_the_order_of_the_table_whatever_the_order_in_the_yaml() -> None:
    section = AUGMENT.section().model_validate({"sizes": (16,), "cutout": 8, "translate": 4, "flip": "random"})
    assert list(section.applied()) == ["flip", "translate", "cutout", "sizes"]


def test_nothing_is_applied_by_default() -> None:
    assert AUGMENT.section()().applied() == {}

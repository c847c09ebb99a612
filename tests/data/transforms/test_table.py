"""Every augmentation of the table: unchanged inputs, reproducible draws, and the order of application."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.augmentation import Transform
from cifar_cli.data.transforms.cutout import Cutout
from cifar_cli.data.transforms.flip import random_flip
from cifar_cli.data.transforms.table import AUGMENT, AUGMENTATIONS
from cifar_cli.data.transforms.translate import Translate
from cifar_cli.section import call_with_accepted, load_target

AVAILABLE = {"num_images": 64, "num_classes": 10, "mean": (0.5, 0.4, 0.3), "seed": 0}


def build(key: str) -> Transform:
    entry = AUGMENTATIONS[key]
    return call_with_accepted(load_target(entry.target), (entry.example,), AVAILABLE)


class Copies(TorchDispatchMode):
    """Notes of each copy that is made within it whether the program goes on meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.are_non_blocking: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default:
            self.are_non_blocking.append(bool(kwargs.get("non_blocking")))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_the_same_generator_state_gives_the_same_batch_and_the_input_stays_as_it_was(
    key: str, random_batch: Callable[..., Batch], seeded: Callable[[int], torch.Generator]
) -> None:
    augment, batch = build(key), random_batch(64)
    if AUGMENTATIONS[key].takes_normalized:
        batch = replace(batch, images=batch.images.float() / 255)
    before = batch.images.clone()
    first, second = augment(batch, seeded(3)), augment(batch, seeded(3))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.targets, second.targets)
    assert not torch.equal(first.images, before)
    assert torch.equal(batch.images, before)
    assert first.images.dtype == before.dtype


def test_random_numbers_go_to_another_device_without_blocking(
    random_batch: Callable[..., Batch], seeded: Callable[[int], torch.Generator]
) -> None:
    batch = random_batch(8).to(torch.device("meta"))  # a device that computes nothing, and is not the generator's
    with Copies() as copies:
        for augment in (random_flip, Translate(2), Cutout(8, mean=(0.1, 0.2, 0.3))):
            augment(batch, seeded(0))
    assert copies.are_non_blocking == [True] * 5


def test_augmentations_are_applied_in_the_order_of_the_table_whatever_the_order_in_the_yaml() -> None:
    section = AUGMENT.section().model_validate({"sizes": (16,), "cutout": 8, "translate": 4, "flip": "random"})
    assert list(section.applied()) == ["flip", "translate", "cutout", "sizes"]


def test_nothing_is_applied_by_default() -> None:
    assert AUGMENT.section()().applied() == {}

"""Fixtures for the tests of augmentations: batches of random images, and generators."""

from collections.abc import Callable

import pytest
import torch

from cifar_cli.data.batch import Batch


@pytest.fixture(scope="session")
def random_batch() -> Callable[..., Batch]:
    """Returns a function that makes a batch of random uint8 images; the generator of each call is its own."""

    def make(count: int, channels: int = 3, height: int = 32, width: int = 32) -> Batch:
        generator = torch.Generator().manual_seed(7)
        images = torch.randint(256, (count, channels, height, width), dtype=torch.uint8, generator=generator)
        return Batch(images, torch.arange(count) % 10, torch.arange(count))

    return make


@pytest.fixture(scope="session")
def seeded() -> Callable[[int], torch.Generator]:
    return lambda seed: torch.Generator().manual_seed(seed)

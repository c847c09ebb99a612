"""Fixtures for the tests of augmentations: batches of random images, generators, and torchvision with given draws."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

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


@pytest.fixture
def with_draws(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tensor]:
    """Returns a function that applies a transform of torchvision to an image, with the numbers that it draws."""

    def apply(transform: nn.Module, image: Tensor, integers: Sequence[int], uniform: Sequence[float]) -> Tensor:
        left_integers, left_uniform = [*integers], [*uniform]
        with monkeypatch.context() as patched:
            patched.setattr(torch, "randint", lambda *_: torch.tensor(left_integers.pop(0)))
            patched.setattr(torch, "rand", lambda *_: torch.tensor(left_uniform.pop(0)))
            changed: Tensor = transform(image)
        assert (left_integers, left_uniform) == ([], [])
        return changed

    return apply

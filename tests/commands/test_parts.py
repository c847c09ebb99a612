"""Holds what the parts make of images to torchvision's own answer."""

from types import SimpleNamespace
from typing import cast

import torch
from torchvision.transforms import v2

from cifar_cli import config
from cifar_cli.commands import parts
from cifar_cli.data.normalize import CIFAR10_MEAN, CIFAR10_STD
from cifar_cli.data.sources import Splits
from cifar_cli.training.runtime import choose_runtime


def prepared(images: torch.Tensor, *overrides: str) -> torch.Tensor:
    splits = cast(Splits, SimpleNamespace(mean=CIFAR10_MEAN, std=CIFAR10_STD))  # all that is read of it
    return parts.preparation(config.load("sequential", overrides), splits, choose_runtime(device="cpu"))(images)


def test_images_are_prepared_as_torchvision_does_and_channels_last() -> None:
    images = torch.randint(0, 256, (5, 3, 7, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    unit = v2.ToDtype(torch.float32, scale=True)(images)
    for overrides, expected in [((), v2.Normalize(CIFAR10_MEAN, CIFAR10_STD)(unit)), (("data.normalize=false",), unit)]:
        numbers = prepared(images, *overrides)
        torch.testing.assert_close(numbers, expected, rtol=1e-6, atol=1e-6, check_stride=False)
        assert numbers.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)

"""The preprocessing of an experiment, compared with torchvision's."""

from types import SimpleNamespace
from typing import cast

import torch
from torchvision.transforms import v2

from cifar_cli import config
from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.training.runtime import choose_runtime


def preprocessed(images: torch.Tensor, *overrides: str) -> torch.Tensor:
    splits = cast(
        Splits, SimpleNamespace(mean=DATASETS["cifar10"].mean, std=DATASETS["cifar10"].std)
    )  # all that is read of it
    return build_preprocessing(config.load("sequential", overrides), splits, choose_runtime(device="cpu"))(images)


def test_images_are_preprocessed_as_by_torchvision_and_channels_last() -> None:
    images = torch.randint(0, 256, (5, 3, 7, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    unit = v2.ToDtype(torch.float32, scale=True)(images)
    for overrides, expected in [
        ((), v2.Normalize(DATASETS["cifar10"].mean, DATASETS["cifar10"].std)(unit)),
        (("data.normalize=false",), unit),
    ]:
        numbers = preprocessed(images, *overrides)
        torch.testing.assert_close(numbers, expected, rtol=1e-6, atol=1e-6, check_stride=False)
        assert numbers.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)

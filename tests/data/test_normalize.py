"""Normalization against torchvision's, and the published statistics against the real images."""

from pathlib import Path

import pytest
import torch
from torchvision.transforms import functional as TF

from cifar_cli.data.datasets.cifar import CIFAR10_FILES, read_cifar
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.normalize import Normalize, to_unit

# Every value a pixel can have, in every channel.
EVERY_VALUE = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, 3, 16, 16)


def channel_statistics(images: torch.Tensor) -> tuple[list[float], list[float]]:
    """Works from the histogram of each channel, which is exact."""
    counts = torch.stack([torch.bincount(images[:, channel].flatten(), minlength=256) for channel in range(3)]).double()
    values = torch.arange(256).double() / 255
    mean = (counts * values).sum(1) / counts.sum(1)
    variance = (counts * (values - mean[:, None]) ** 2).sum(1) / counts.sum(1)
    return mean.tolist(), variance.sqrt().tolist()


def test_to_unit_equals_torchvisions_to_tensor_to_the_bit():
    image = EVERY_VALUE[0]
    assert torch.equal(to_unit(EVERY_VALUE)[0], TF.to_tensor(image.permute(1, 2, 0).numpy()))


def test_normalize_equals_torchvisions():
    expected = TF.normalize(EVERY_VALUE.float() / 255, list(DATASETS["cifar10"].mean), list(DATASETS["cifar10"].std))
    torch.testing.assert_close(
        Normalize(DATASETS["cifar10"].mean, DATASETS["cifar10"].std)(EVERY_VALUE), expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("to_float", [to_unit, Normalize(DATASETS["cifar10"].mean, DATASETS["cifar10"].std)])
def test_images_keep_their_memory_format_and_are_not_changed(to_float):
    images = EVERY_VALUE.contiguous(memory_format=torch.channels_last)
    assert to_float(images).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, EVERY_VALUE)


def test_normalize_saves_nothing():
    assert Normalize(DATASETS["cifar10"].mean, DATASETS["cifar10"].std).state_dict() == {}


def test_cifar10_statistics_are_those_of_the_real_training_set(real_data: Path):
    mean, std = channel_statistics(read_cifar(real_data, files=CIFAR10_FILES)[0].images)
    assert mean == pytest.approx(DATASETS["cifar10"].mean, abs=5.1e-5)
    assert std == pytest.approx(DATASETS["cifar10"].std, abs=5.1e-5)


def test_synthetic_statistics_are_those_of_the_synthetic_training_set():
    mean, std = channel_statistics(synthetic_sets(test_size=10)[0].images)
    assert mean == pytest.approx(DATASETS["synthetic"].mean, abs=5.1e-4)
    assert std == pytest.approx(DATASETS["synthetic"].std, abs=5.1e-4)

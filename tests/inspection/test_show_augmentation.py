"""`cifar data show`: the picture is written, shows the images first, and changes with the augmentations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

SYNTHETIC = ["--config", "cnn", "data.name=synthetic", "data.val_size=0"]


def test_the_picture_shows_the_augmentations_of_the_configuration(cifar: Callable[..., Any], tmp_path: Path) -> None:
    shown = cifar("data", "show", *SYNTHETIC, "data.augment={}")
    assert shown.code == 0, shown.err
    assert "wrote augmentation.png" in shown.err
    assert cifar("data", "show", *SYNTHETIC, "data.augment={mixup: 1.0}", "-o", "mixed.png").code == 0
    plain, mixed = (Image.open(tmp_path / name).convert("RGB") for name in ("augmentation.png", "mixed.png"))
    first_column, second_column = (0, 70, 100, 130), (120, 70, 210, 130)
    assert plain.size == mixed.size
    assert plain.crop(first_column).tobytes() == mixed.crop(first_column).tobytes()
    assert plain.crop(second_column).tobytes() != mixed.crop(second_column).tobytes()


def test_without_augmentation_it_shows_more_images_as_they_are(cifar: Callable[..., Any], tmp_path: Path) -> None:
    mixup = "data.augment={mixup: 1.0}"
    assert cifar("data", "show", *SYNTHETIC, mixup, "--no-augment", "-o", "plain.png").code == 0
    assert cifar("data", "show", *SYNTHETIC, "data.augment={}", "--augment", "-o", "beside.png").code == 0
    plain, beside = (Image.open(tmp_path / name).convert("RGB") for name in ("plain.png", "beside.png"))
    assert plain.size == beside.size
    first, second = ((left + 8, 62, left + 72, 126) for left in (0, 112))
    assert plain.crop(first).tobytes() == beside.crop(first).tobytes()  # the same first image
    assert plain.crop(second).tobytes() != plain.crop(first).tobytes()
    assert beside.crop(second).tobytes() == beside.crop(first).tobytes()  # nothing changes the image


def test_a_warning_of_the_configuration_is_told(cifar: Callable[..., Any], tmp_path: Path) -> None:
    shown = cifar("data", "show", *SYNTHETIC, "data.val_size=100", "train.patience=1000")
    assert "warning: train.patience" in shown.err


def test_two_configurations_are_refused(cifar: Callable[..., Any]) -> None:
    refused = cifar("data", "show", "mlp", "--config", "cnn")
    assert refused.code == 2
    assert "expected one configuration, found cnn and mlp; leave one out" in refused.err

"""A dataset's images, split for training, validation and test."""

from dataclasses import dataclass
from pathlib import Path

from cifar_cli.data.image_set import ImageSet


@dataclass(frozen=True)
class Splits:
    """A dataset's splits. mean, std: per channel, pixels in [0, 1]; root: None for a dataset without files.

    notes: how the images were split, where no publisher did that; warnings: what was left out.
    """

    train: ImageSet
    val: ImageSet | None
    test: ImageSet
    mean: tuple[float, ...]
    std: tuple[float, ...]
    root: Path | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

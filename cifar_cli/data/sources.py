"""Opens a dataset by its name: found or downloaded, read, split. Knows nothing of batches."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cifar_cli.data.cifar import CIFAR10_FILES, CIFAR100_FILES, read_cifar
from cifar_cli.data.images import ImageSet
from cifar_cli.data.normalize import (
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR100_MEAN,
    CIFAR100_STD,
    SYNTHETIC_MEAN,
    SYNTHETIC_STD,
)
from cifar_cli.data.split import stratified_split
from cifar_cli.data.synthetic import synthetic_sets
from cifar_cli.errors import UsageError, did_you_mean

TrainAndTest = tuple[ImageSet, ImageSet]


@dataclass(frozen=True)
class Source:
    """How a dataset is read below a root, and its training images' channel statistics."""

    read: Callable[[Path], TrainAndTest]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Splits:
    """A dataset ready for use. mean, std: per channel, pixels in [0, 1]; root: None where nothing was read."""

    train: ImageSet
    val: ImageSet | None
    test: ImageSet
    mean: tuple[float, ...]
    std: tuple[float, ...]
    root: Path | None


DATASETS = {
    "cifar10": Source(lambda root: read_cifar(root, files=CIFAR10_FILES), CIFAR10_MEAN, CIFAR10_STD),
    "synthetic": Source(lambda root: synthetic_sets(), SYNTHETIC_MEAN, SYNTHETIC_STD),
    "cifar100": Source(lambda root: read_cifar(root, files=CIFAR100_FILES), CIFAR100_MEAN, CIFAR100_STD),
}


def data_root(root: str | Path | None) -> Path:
    """Returns the folder datasets lie in: the one given, else $CIFAR_DATA_DIR, else ./data."""
    return Path(root or os.environ.get("CIFAR_DATA_DIR") or "data").expanduser()


def open_dataset(
    name: str,
    *,
    root: str | Path | None = None,
    mirrors: Sequence[str] = (),
    val_size: int = 0,
    download: bool = True,
    deadline_seconds: float | None = None,
    report: object | None = None,
) -> Splits:
    """Returns the dataset's training, validation and test images."""
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise UsageError(f"data.name: expected one of {known}, found '{name}'{did_you_mean(name, DATASETS)}")
    source = DATASETS[name]
    folder = data_root(root)
    train, test = source.read(folder)
    val = None
    train_indices, val_indices = stratified_split(train.labels, val_size=val_size, num_classes=len(train.class_names))
    if val_size:
        train, val = train.subset(train_indices), train.subset(val_indices)
    return Splits(train, val, test, source.mean, source.std, None if name == "synthetic" else folder)

"""Opens a dataset by its name: found or downloaded, read, split. Knows nothing of batches."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cifar_cli.data.datasets.cifar import CIFAR10_FILES, CIFAR100_FILES, CifarFiles, cifar_file_states, read_cifar
from cifar_cli.data.datasets.fashion_mnist import fashion_mnist_file_states, fetch_fashion_mnist, read_fashion_mnist
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.data.download.checksums import FileState, MissingFileError
from cifar_cli.data.download.download import DownloadError, Report
from cifar_cli.data.download.fetch_archive import fetch_archive
from cifar_cli.data.download.mirrors import CIFAR10_ARCHIVE, CIFAR100_ARCHIVE, Archive
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.normalize import (
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR100_MEAN,
    CIFAR100_STD,
    FASHION_MNIST_MEAN,
    FASHION_MNIST_STD,
    SYNTHETIC_MEAN,
    SYNTHETIC_STD,
)
from cifar_cli.data.split import stratified_split
from cifar_cli.errors import DataError, UsageError, did_you_mean


class FetchFiles(Protocol):
    """Brings a dataset's files below a root, from mirrors."""

    def __call__(
        self, root: Path, *, mirrors: Sequence[str], deadline_seconds: float | None, report: Report | None
    ) -> None: ...


@dataclass(frozen=True)
class DatasetSource:
    """A dataset: how its files below a root are read, checked and had, and its training images' channel statistics.

    `read` gives the training and the test set. `obtain` is None for a dataset that is made and not read; then the root
    does not matter. `copy` and `example_mirror` name, for error messages, what a person may bring and what a mirror
    looks like.
    """

    read: Callable[[Path], tuple[ImageSet, ImageSet]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    file_states: Callable[[Path], Mapping[Path, FileState]] = lambda root: {}
    obtain: FetchFiles | None = None
    copy: str = ""
    example_mirror: str = ""


@dataclass(frozen=True)
class Splits:
    """A dataset ready for use. mean, std: per channel, pixels in [0, 1]; root: None where nothing was read."""

    train: ImageSet
    val: ImageSet | None
    test: ImageSet
    mean: tuple[float, ...]
    std: tuple[float, ...]
    root: Path | None


def _cifar(files: CifarFiles, archive: Archive, mean: tuple[float, ...], std: tuple[float, ...]) -> DatasetSource:
    def file_states(root: Path) -> Mapping[Path, FileState]:
        return cifar_file_states(root, files=files)

    def obtain(root: Path, *, mirrors: Sequence[str], deadline_seconds: float | None, report: Report | None) -> None:
        fetch_archive(
            archive,
            root,
            is_there=lambda: all(state == "ok" for state in file_states(root).values()),
            mirrors=mirrors,
            deadline_seconds=deadline_seconds,
            report=report,
        )

    return DatasetSource(
        read=lambda root: read_cifar(root, files=files),
        mean=mean,
        std=std,
        file_states=file_states,
        obtain=obtain,
        copy=f"{archive.file_name} (or the folder {archive.folder})",
        example_mirror=f"https://example.org/{archive.file_name}",
    )


DATASETS = {
    "cifar10": _cifar(CIFAR10_FILES, CIFAR10_ARCHIVE, CIFAR10_MEAN, CIFAR10_STD),
    "cifar100": _cifar(CIFAR100_FILES, CIFAR100_ARCHIVE, CIFAR100_MEAN, CIFAR100_STD),
    "fashion_mnist": DatasetSource(
        read=read_fashion_mnist,
        mean=FASHION_MNIST_MEAN,
        std=FASHION_MNIST_STD,
        file_states=fashion_mnist_file_states,
        obtain=fetch_fashion_mnist,
        copy="the folder FashionMNIST",
        example_mirror="https://example.org/fashion-mnist/",
    ),
    "synthetic": DatasetSource(read=lambda root: synthetic_sets(), mean=SYNTHETIC_MEAN, std=SYNTHETIC_STD),
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
    report: Report | None = None,
) -> Splits:
    """Returns a dataset's training, validation (None where `val_size` is 0) and test images.

    Where files are missing and `download` is true, they are fetched first, unless that would take longer than
    `deadline_seconds`. Raises DataError where there is no data to be had or a file is damaged.
    """
    source, folder = find_dataset(name), data_root(root)
    try:
        train, test = source.read(folder)
    except MissingFileError:
        if not download:
            raise
        fetch_dataset(name, root=folder, mirrors=mirrors, deadline_seconds=deadline_seconds, report=report)
        train, test = source.read(folder)
    train_indices, val_indices = stratified_split(train.labels, val_size=val_size, num_classes=len(train.class_names))
    val = train.subset(val_indices) if val_size else None
    if val_size:
        train = train.subset(train_indices)
    return Splits(train, val, test, source.mean, source.std, folder if source.obtain else None)


def fetch_dataset(
    name: str,
    *,
    root: Path,
    mirrors: Sequence[str] = (),
    deadline_seconds: float | None = None,
    report: Report | None = None,
) -> None:
    """Fetches what is missing or damaged of a dataset. `mirrors`, then $CIFAR_MIRROR, come before the known mirrors.

    Raises DataError saying what was tried and the ways out.
    """
    source = find_dataset(name)
    if source.obtain is None:
        return
    own_mirrors = [*mirrors, *filter(None, [os.environ.get("CIFAR_MIRROR")])]
    try:
        source.obtain(root, mirrors=own_mirrors, deadline_seconds=deadline_seconds, report=report)
    except DownloadError as error:
        raise DataError(
            f"{error}\n"
            "Three ways out:\n"
            f"  - copy {source.copy} from another machine into {root.absolute()}\n"
            f"  - name a mirror that can be reached: CIFAR_MIRROR={source.example_mirror}, or data.mirrors\n"
            "  - use the synthetic set, which needs no network: data.name=synthetic"
        ) from None


def find_dataset(name: str) -> DatasetSource:
    """Returns the dataset of that name. Raises UsageError where there is none."""
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise UsageError(f"data.name: expected one of {known}; found '{name}'{did_you_mean(name, DATASETS)}")
    return DATASETS[name]

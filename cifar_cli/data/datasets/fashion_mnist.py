"""Reads Fashion-MNIST through torchvision, and fetches it into the layout that torchvision reads."""

import gzip
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from torchvision.datasets import FashionMNIST  # type: ignore[import-untyped]

from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.download.checksums import FileState, MissingFileError
from cifar_cli.data.download.download import Report, download
from cifar_cli.data.download.fetch_archive import dataset_lock
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import DataError

# Unpacked, these files have no published checksum; torchvision looks only for their presence. Their size is the product
# of the dimensions in their header and the header itself.
UNPACKED_BYTES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}
PACKED_BYTES = {
    "train-images-idx3-ubyte.gz": 26_421_880,
    "train-labels-idx1-ubyte.gz": 29_515,
    "t10k-images-idx3-ubyte.gz": 4_422_102,
    "t10k-labels-idx1-ubyte.gz": 5_148,
}
FOLDER = "FashionMNIST/raw"


def read_fashion_mnist(root: Path) -> tuple[ImageSet, ImageSet]:
    """Returns the training and the test set: images uint8 (N, 1, 28, 28), labels int64 (N,).

    Raises DataError naming the file where one is missing or has the wrong size, and the folder where one is damaged in
    another way.
    """
    for path, state in fashion_mnist_file_states(root).items():
        if state != "ok":
            error = MissingFileError if state == "missing" else DataError
            raise error(
                f"{path}: is {state}: expected a file of {UNPACKED_BYTES[path.name]} bytes; "
                f"fetch it anew with: cifar data fetch fashion_mnist --root {root}"
            )
    return _image_set(root, is_train=True), _image_set(root, is_train=False)


def fetch_fashion_mnist(
    root: Path, *, mirrors: Sequence[str] = (), deadline_seconds: float | None = None, report: Report | None = None
) -> None:
    """Downloads what is missing or damaged below `root`. mirrors: addresses of folders that hold the four .gz files."""
    raw = root / FOLDER
    with dataset_lock(raw, name="fashion-mnist", timeout_seconds=deadline_seconds, report=report):
        if all(state == "ok" for state in fashion_mnist_file_states(root).values()):
            return
        for file_name, md5 in FashionMNIST.resources:
            own = tuple(f"{mirror}{file_name}" for mirror in FashionMNIST.mirrors)
            archive = Archive(file_name, md5, PACKED_BYTES[file_name], folder=FOLDER, mirrors=own)
            download(archive, raw, mirrors=mirrors, deadline_seconds=deadline_seconds, report=report)
            _gunzip(raw / file_name)


def fashion_mnist_file_states(root: Path) -> dict[Path, FileState]:
    """Returns the path of every file that reading needs, with its state, as far as its size tells."""
    return {root / FOLDER / name: _state(root / FOLDER / name, size) for name, size in UNPACKED_BYTES.items()}


def _state(path: Path, size_bytes: int) -> FileState:
    if not path.is_file():
        return "missing"
    return "ok" if path.stat().st_size == size_bytes else "damaged"


def _gunzip(packed: Path) -> None:
    """Unpacks `x.gz` to `x` beside it, which appears whole or not at all."""
    part = packed.with_suffix(".part")
    with gzip.open(packed) as source, part.open("wb") as file:
        shutil.copyfileobj(source, file)
    os.replace(part, packed.with_suffix(""))


def _image_set(root: Path, *, is_train: bool) -> ImageSet:
    try:
        dataset = FashionMNIST(root, train=is_train)
        images, labels = dataset.data.reshape(-1, 1, 28, 28), dataset.targets.long()
        is_sound = len(images) == len(labels) and bool(labels.max() < len(dataset.classes))
    except Exception as error:  # torchvision only asserts what the headers say, and torch stumbles over the rest
        raise _damaged(root, is_train=is_train) from error
    if not is_sound:
        raise _damaged(root, is_train=is_train)
    return ImageSet("fashion_mnist", images, labels, tuple(dataset.classes))


def _damaged(root: Path, *, is_train: bool) -> DataError:
    return DataError(
        f"{root / FOLDER}: the {'train' if is_train else 't10k'} files are damaged: expected images of 28×28 pixels, "
        f"and a label below 10 for each; delete them and fetch them anew with: "
        f"cifar data fetch fashion_mnist --root {root}"
    )


FASHION_MNIST = DatasetSource(
    read=read_fashion_mnist,
    file_states=fashion_mnist_file_states,
    fetch=fetch_fashion_mnist,
    copy="the folder FashionMNIST",
    example_mirror="https://example.org/fashion-mnist/",
)

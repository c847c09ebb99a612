"""Reads and fetches Fashion-MNIST, in torchvision's layout."""

import gzip
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.download.checksums import DamagedFileError, FileState, MissingFileError
from cifar_cli.data.download.download import Report, download
from cifar_cli.data.download.fetch_archive import dataset_lock
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import DataError
from cifar_cli.shell import shell_command

FOLDER = "FashionMNIST/raw"
MIRRORS = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
# MD5 sums from the authors (github.com/zalandoresearch/fashion-mnist) and torchvision; sizes from the server.
ARCHIVES = tuple(
    Archive(name, md5, size_bytes, folder=FOLDER, mirrors=tuple(f"{mirror}{name}" for mirror in MIRRORS))
    for name, md5, size_bytes in (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    )
)
# The authors publish no checksums of the unpacked files. The size is the header's plus the product of the dimensions.
UNPACKED_BYTES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
IDX_UNSIGNED_BYTE = 8  # the type code in the header


def read_fashion_mnist(root: Path) -> tuple[ImageSet, ImageSet]:
    """Returns the training and the test set: images uint8 (N, 1, 28, 28), labels int64 (N,).

    Raises DataError, which names a file that is missing or has the wrong size, or the folder of files that are damaged
    in another way.
    """
    for path, state in fashion_mnist_file_states(root).items():
        if state != "ok":
            error = MissingFileError if state == "missing" else DamagedFileError
            raise error(
                f"{path}: is {state}: expected a file of {UNPACKED_BYTES[path.name]} bytes; "
                f"fetch it anew with: {_fetch_command(root)}"
            )
    return _image_set(root, is_train=True), _image_set(root, is_train=False)


def fetch_fashion_mnist(
    root: Path, *, mirrors: Sequence[str] = (), deadline_seconds: float | None = None, report: Report | None = None
) -> None:
    """Downloads the missing or damaged files below `root`. mirrors: URLs of folders that hold the four .gz files."""
    raw = root / FOLDER
    with dataset_lock(raw, name="fashion-mnist", timeout_seconds=deadline_seconds, report=report):
        if all(state == "ok" for state in fashion_mnist_file_states(root).values()):
            return
        for archive in ARCHIVES:
            packed = download(archive, raw, mirrors=mirrors, deadline_seconds=deadline_seconds, report=report)
            _gunzip(packed)


def fashion_mnist_file_states(root: Path) -> dict[Path, FileState]:
    """Returns the state of every file that `read_fashion_mnist` needs, by path. Only the file's size is checked."""
    return {root / FOLDER / name: _state(root / FOLDER / name, size) for name, size in UNPACKED_BYTES.items()}


def _state(path: Path, size_bytes: int) -> FileState:
    if not path.is_file():
        return "missing"
    return "ok" if path.stat().st_size == size_bytes else "damaged"


def _gunzip(packed: Path) -> None:
    """Unpacks `x.gz` to `x` in the same folder, atomically."""
    part = packed.with_suffix(".part")
    with gzip.open(packed) as source, part.open("wb") as file:
        shutil.copyfileobj(source, file)
    os.replace(part, packed.with_suffix(""))


def read_idx(path: Path) -> Tensor:
    """Returns the values of an IDX file of unsigned bytes, uint8 in the shape of its header.

    The header holds two bytes of 0, the type code, the number of dimensions, and each dimension as a big-endian 32-bit
    integer (yann.lecun.com/exdb/mnist). Raises ValueError for another type, and if the number of values is wrong.
    """
    content = path.read_bytes()
    rank = content[3] if len(content) > 3 else 0
    shape = np.frombuffer(content, dtype=">u4", count=rank, offset=4).tolist()
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank)
    if content[:3] != bytes([0, 0, IDX_UNSIGNED_BYTE]) or rank == 0 or math.prod(shape) != len(values):
        raise ValueError("no IDX file of unsigned bytes")
    return torch.from_numpy(values.reshape(shape).copy())


def _image_set(root: Path, *, is_train: bool) -> ImageSet:
    raw, prefix = root / FOLDER, "train" if is_train else "t10k"
    try:
        images, labels = read_idx(raw / f"{prefix}-images-idx3-ubyte"), read_idx(raw / f"{prefix}-labels-idx1-ubyte")
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}; check who may read it") from error
    except ValueError as error:
        raise _damaged(root, is_train=is_train) from error
    is_sound = images.shape == (*labels.shape, 28, 28) and labels.dim() == 1 and bool((labels < len(CLASS_NAMES)).all())
    if not is_sound:
        raise _damaged(root, is_train=is_train)
    return ImageSet("fashion_mnist", images.unsqueeze(1), labels.long(), CLASS_NAMES)


def _damaged(root: Path, *, is_train: bool) -> DataError:
    return DataError(
        f"{root / FOLDER}: the {'train' if is_train else 't10k'} files are damaged: expected images of 28×28 pixels, "
        f"and a label below 10 for each; delete them and fetch them anew with: "
        f"{_fetch_command(root)}"
    )


def _fetch_command(root: Path) -> str:
    return shell_command("cifar", "data", "fetch", "fashion_mnist", "--root", root)


FASHION_MNIST = DatasetSource(
    read=read_fashion_mnist,
    file_states=fashion_mnist_file_states,
    fetch=fetch_fashion_mnist,
    folder=FOLDER,
    copy="the folder FashionMNIST",
    example_mirror="https://example.org/fashion-mnist/",
    archives=ARCHIVES,
)

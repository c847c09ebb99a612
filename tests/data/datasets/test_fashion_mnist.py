"""Fashion-MNIST: files in torchvision's layout, fetched from a web server, read, and missed."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import FashionMNIST

from cifar_cli.data.datasets import fashion_mnist
from cifar_cli.data.datasets.fashion_mnist import (
    fashion_mnist_file_states,
    fetch_fashion_mnist,
    read_fashion_mnist,
    read_idx,
)
from cifar_cli.data.download.checksums import MissingFileError
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.errors import DataError


def idx(array: np.ndarray) -> bytes:
    """Packs an array as http://yann.lecun.com/exdb/mnist describes it: zero, zero, type 8, rank, dimensions, values."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The four files of a tiny set: 6 and 2 images instead of 60,000 and 10,000."""
    pixels = (np.arange(8 * 28 * 28) % 251).astype(np.uint8).reshape(8, 28, 28)
    labels = np.array([9, 0, 1, 2, 3, 4, 5, 6], dtype=np.uint8)
    contents = {
        "train-images-idx3-ubyte": idx(pixels[:6]),
        "train-labels-idx1-ubyte": idx(labels[:6]),
        "t10k-images-idx3-ubyte": idx(pixels[6:]),
        "t10k-labels-idx1-ubyte": idx(labels[6:]),
    }
    monkeypatch.setattr(fashion_mnist, "UNPACKED_BYTES", {name: len(content) for name, content in contents.items()})
    return contents


def write(root: Path, contents: dict[str, bytes]) -> Path:
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    return raw


def test_real_sizes_are_those_of_the_published_dimensions():
    shapes = {
        "train-images-idx3-ubyte": (60_000, 28, 28),
        "train-labels-idx1-ubyte": (60_000,),
        "t10k-images-idx3-ubyte": (10_000, 28, 28),
        "t10k-labels-idx1-ubyte": (10_000,),
    }
    sizes = {name: len(idx(np.zeros(shape, dtype=np.uint8))) for name, shape in shapes.items()}
    assert sizes == fashion_mnist.UNPACKED_BYTES


def test_files_are_read_as_torchvision_reads_them(tmp_path: Path, contents: dict[str, bytes]):
    write(tmp_path, contents)
    for ours, is_train in zip(read_fashion_mnist(tmp_path), (True, False), strict=True):
        theirs = FashionMNIST(tmp_path, train=is_train)
        assert torch.equal(ours.images, theirs.data.unsqueeze(1))
        assert ours.images.dtype == theirs.data.dtype
        assert torch.equal(ours.labels, theirs.targets)
        assert ours.labels.dtype == theirs.targets.dtype
        assert ours.class_names == tuple(theirs.classes)
        assert ours.name == "fashion_mnist"


def test_checksums_and_mirrors_are_those_of_torchvision():
    assert [(archive.file_name, archive.md5) for archive in fashion_mnist.ARCHIVES] == FashionMNIST.resources
    assert tuple(FashionMNIST.mirrors) == fashion_mnist.MIRRORS
    for archive in fashion_mnist.ARCHIVES:
        assert archive.mirrors == tuple(f"{mirror}{archive.file_name}" for mirror in FashionMNIST.mirrors)


def test_an_idx_file_is_read_in_any_number_of_dimensions(tmp_path: Path):
    path = tmp_path / "values"
    array = np.arange(24, dtype=np.uint8)
    for shape in ((24,), (4, 6), (2, 3, 4), (1, 2, 3, 4)):
        path.write_bytes(idx(array.reshape(shape)))
        assert torch.equal(read_idx(path), torch.arange(24, dtype=torch.uint8).reshape(shape))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x03\0\0", b"\0\0\x08\x00", b"\0\0\x08\x01\0\0\0\x02a", b"\0\0\x08\x01\0\0\0\x02abc"],
)
def test_an_idx_file_that_ends_early_or_late_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "values"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"IDX|buffer"):
        read_idx(path)


@pytest.mark.parametrize(("state", "content"), [("missing", None), ("damaged", b"short")])
def test_missing_or_short_file_is_named(tmp_path: Path, contents: dict[str, bytes], state: str, content: bytes | None):
    path = write(tmp_path, contents) / "t10k-labels-idx1-ubyte"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_fashion_mnist(tmp_path)
    assert isinstance(caught.value, MissingFileError) == (state == "missing")  # what is missing can be fetched
    assert str(caught.value) == (
        f"{path}: is {state}: expected a file of 10 bytes; "
        f"fetch it anew with: cifar data fetch fashion_mnist --root {tmp_path}"
    )


@pytest.mark.parametrize(
    ("name", "position", "value"),
    [
        ("t10k-images-idx3-ubyte", 0, 1),  # no idx file
        ("t10k-images-idx3-ubyte", 2, 9),  # signed bytes
        ("t10k-images-idx3-ubyte", 7, 200),  # more images than there are
        ("t10k-images-idx3-ubyte", 11, 0),  # no rows
        ("t10k-images-idx3-ubyte", 3, 1),  # one dimension
        ("t10k-labels-idx1-ubyte", 3, 2),  # two dimensions
        ("t10k-labels-idx1-ubyte", 7, 1),  # a label too few
        ("t10k-labels-idx1-ubyte", 8, 10),  # an eleventh class
    ],
)
def test_a_file_of_the_right_size_with_a_damaged_header_or_label_is_reported(
    tmp_path: Path, contents: dict[str, bytes], name: str, position: int, value: int
):
    damaged = bytearray(contents[name])
    damaged[position] = value
    raw = write(tmp_path, {**contents, name: bytes(damaged)})
    with pytest.raises(DataError) as caught:
        read_fashion_mnist(tmp_path)
    assert str(caught.value) == (
        f"{raw}: the t10k files are damaged: expected images of 28×28 pixels, and a label below 10 for each; "
        f"delete them and fetch them anew with: cifar data fetch fashion_mnist --root {tmp_path}"
    )


def test_four_files_are_fetched_from_a_mirror_and_unpacked(
    tmp_path: Path, contents: dict[str, bytes], start_server: Callable, monkeypatch: pytest.MonkeyPatch
):
    packed = {f"{name}.gz": gzip.compress(content) for name, content in contents.items()}
    archives = [
        Archive(name, hashlib.md5(content).hexdigest(), len(content), folder=fashion_mnist.FOLDER, mirrors=())
        for name, content in packed.items()
    ]
    monkeypatch.setattr(fashion_mnist, "ARCHIVES", archives)
    servers = [start_server(content) for content in packed.values()]
    mirrors = [server.url("good").removesuffix("archive.tar.gz") for server in servers]
    # One server has one file: for each of the four, the three others have a file of another size or other bytes.
    fetch_fashion_mnist(tmp_path, mirrors=mirrors)
    assert set(fashion_mnist_file_states(tmp_path).values()) == {"ok"}
    assert len(read_fashion_mnist(tmp_path)[0]) == 6
    asked = sum(len(server.requests) for server in servers)
    fetch_fashion_mnist(tmp_path, mirrors=mirrors)
    assert sum(len(server.requests) for server in servers) == asked

"""Fashion-MNIST: files in torchvision's layout, fetched from a web server, read, and missed."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import FashionMNIST

from cifar_cli.data.datasets import fashion_mnist
from cifar_cli.data.datasets.fashion_mnist import fashion_mnist_file_states, fetch_fashion_mnist, read_fashion_mnist
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


def test_files_are_read_with_a_channel_and_torchvisions_class_names(tmp_path: Path, contents: dict[str, bytes]):
    write(tmp_path, contents)
    train, test = read_fashion_mnist(tmp_path)
    assert (train.images.shape, test.images.shape) == ((6, 1, 28, 28), (2, 1, 28, 28))
    assert train.images[1, 0, 0, :3].tolist() == [784 % 251, 785 % 251, 786 % 251]
    assert (train.labels.tolist(), test.labels.tolist()) == ([9, 0, 1, 2, 3, 4], [5, 6])
    assert train.class_names[9] == "Ankle boot"
    assert train.name == "fashion_mnist"


@pytest.mark.parametrize(("state", "content"), [("missing", None), ("damaged", b"short")])
def test_missing_or_short_file_is_named(tmp_path: Path, contents: dict[str, bytes], state: str, content: bytes | None):
    path = write(tmp_path, contents) / "t10k-labels-idx1-ubyte"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_fashion_mnist(tmp_path)
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
        ("t10k-labels-idx1-ubyte", 7, 1),  # a label too few
        ("t10k-labels-idx1-ubyte", 8, 10),  # an eleventh class
    ],
)
def test_a_file_of_the_right_size_with_a_damaged_header_or_label_is_told(
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
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]
    monkeypatch.setattr(FashionMNIST, "resources", resources)
    monkeypatch.setattr(FashionMNIST, "mirrors", [])
    monkeypatch.setattr(fashion_mnist, "PACKED_BYTES", {name: len(content) for name, content in packed.items()})
    servers = [start_server(content) for content in packed.values()]
    mirrors = [server.url("good").removesuffix("archive.tar.gz") for server in servers]
    # One server has one file: for each of the four, the three others have a file of another size or other bytes.
    fetch_fashion_mnist(tmp_path, mirrors=mirrors)
    assert set(fashion_mnist_file_states(tmp_path).values()) == {"ok"}
    assert len(read_fashion_mnist(tmp_path)[0]) == 6
    asked = sum(len(server.requests) for server in servers)
    fetch_fashion_mnist(tmp_path, mirrors=mirrors)
    assert sum(len(server.requests) for server in servers) == asked

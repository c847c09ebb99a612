"""Damaged data: batch files, idx files, archives, and what a server may send."""

import gzip
import hashlib
import io
import pickle
import random
import socket
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from fuzz_files import damaged

from cifar_cli.data.datasets import fashion_mnist
from cifar_cli.data.datasets.cifar import CIFAR10_FILES, read_cifar
from cifar_cli.data.download.download import DownloadTimeouts, download
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.download.unpack import unpack

ANSWERS = [
    *(
        b"",
        b"\0" * 5000,
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/9.9 999 \xff\r\n\r\n",
        b"GARBAGE\r\n" * 50,
    ),
    b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nxxxxx",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nxxxxx",
    b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nxx",
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-2/9\r\n\r\n",
    b"HTTP/1.1 416 Range Not Satisfiable\r\n\r\n",
]


# --- data ------------------------------------------------------------------------------------------------------------


def batch_files(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that read a small CIFAR-10 with one damaged file: never accepted, unless it is the same."""
    batch = pickle.dumps({b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, 1, 2]}, protocol=3)
    batch = batch.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")  # as NumPy 1 wrote the published files
    content = {
        "data_batch_1": batch,
        "test_batch": batch,
        "batches.meta": pickle.dumps({b"label_names": [b"a"] * 10}, protocol=3),
    }
    sums = {name: hashlib.md5(part, usedforsecurity=False).hexdigest() for name, part in content.items()}
    one = {name: {name: md5} for name, md5 in sums.items()}
    files = replace(CIFAR10_FILES, train=one["data_batch_1"], test=one["test_batch"], meta=one["batches.meta"])
    root = folder / files.folder
    root.mkdir(exist_ok=True)

    def read() -> bool:
        chosen = generator.choice(list(content))
        for name, part in content.items():
            (root / name).write_bytes(damaged(part, generator) if name == chosen else part)
        is_same = (root / chosen).read_bytes() == content[chosen]
        read_cifar(folder, files=files)
        assert is_same, "damaged images were read"
        return True

    for _ in range(count):
        yield read


def idx_files(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that read a small Fashion-MNIST with one damaged file; some damage is within the pixels."""
    content = {}
    for name, size in (("train", 6), ("t10k", 2)):
        content[f"{name}-images-idx3-ubyte"] = struct.pack(">4I", 0x803, size, 28, 28) + bytes(size * 28 * 28)
        content[f"{name}-labels-idx1-ubyte"] = struct.pack(">2I", 0x801, size) + bytes(range(size))
    raw = folder / fashion_mnist.FOLDER
    raw.mkdir(parents=True, exist_ok=True)

    def read() -> bool:
        chosen = generator.choice(list(content))
        for name, part in content.items():
            changed = damaged(part[:20], generator) + part[20:]
            # A file of another size is refused for its size.
            (raw / name).write_bytes(changed[: len(part)].ljust(len(part), b"\0") if name == chosen else part)
        with patch.dict(fashion_mnist.UNPACKED_BYTES, {name: len(part) for name, part in content.items()}):
            train, test = fashion_mnist.read_fashion_mnist(folder)
        assert (train.images.shape, test.images.shape) == ((6, 1, 28, 28), (2, 1, 28, 28)), "other images"
        assert max(train.labels.max(), test.labels.max()) < 10, "a label of no class"
        return True

    for _ in range(count):
        yield read


def archives(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that unpack a damaged archive, half of them with a sound compression around a damaged tar."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name in ("set/one", "set/two"):
            info = tarfile.TarInfo(name)
            info.size = 2000
            tar.addfile(info, io.BytesIO(bytes(range(200)) * 10))
    root = folder / "root" / "inner"
    root.mkdir(parents=True, exist_ok=True)

    def read() -> bool:
        path = folder / "damaged.tar.gz"
        if generator.random() < 0.5:
            path.write_bytes(damaged(gzip.compress(plain.getvalue()), generator))
        else:
            path.write_bytes(gzip.compress(damaged(plain.getvalue(), generator), compresslevel=1))
        try:
            unpack(path, root=root, folder="set", max_bytes=1_000_000)
        finally:
            assert [entry.name for entry in (folder / "root").iterdir()] == ["inner"], "a file outside the folder"
            assert {entry.name for entry in root.iterdir()} <= {"set"}, "something is left behind"
        return True

    for _ in range(count):
        yield read


# --- servers ---------------------------------------------------------------------------------------------------------


def server_answers(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that download from a server whose answer is damaged: never accepted, unless its bytes are right."""
    content = generator.randbytes(3000)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    sound = b"HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: 3000\r\n\r\n" + content
    timeouts = DownloadTimeouts(head_start_seconds=0.05, connect_seconds=0.5, stall_seconds=0.2)
    target = folder / "downloads"
    target.mkdir(exist_ok=True)

    def read(answer: bytes) -> bool:
        for left in target.iterdir():
            left.unlink()
        if generator.random() < 0.3:
            (target / "set.tar.gz.part").write_bytes(damaged(content[:2000], generator))
        with _server(answer) as url:
            archive = Archive("set.tar.gz", md5, len(content), folder="set", mirrors=(url,))
            path = download(archive, target, timeouts=timeouts)
        assert path.read_bytes() == content, "wrong bytes"
        return True

    for _ in range(count):
        yield partial(
            read, generator.choice((damaged(sound, generator), damaged(sound, generator), generator.choice(ANSWERS)))
        )


@contextmanager
def _server(answer: bytes) -> Iterator[str]:
    """Answers whatever it is asked with the same bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed: the case is over
                    return
                with connection:
                    try:
                        connection.recv(5000)
                        connection.sendall(answer)
                    except OSError:
                        pass

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/set.tar.gz"
        finally:
            listening.shutdown(socket.SHUT_RDWR)

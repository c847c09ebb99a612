"""Damaged files and answers: checkpoints, records, batch files, archives, and what a server may send."""

import gzip
import hashlib
import io
import pickle
import random
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cifar_cli import config
from cifar_cli.commands import parts
from cifar_cli.commands.opening import open_network
from cifar_cli.commands.resume import load_state
from cifar_cli.data.archive import unpack
from cifar_cli.data.cifar import CIFAR10_FILES, read_cifar
from cifar_cli.data.download import Patience, fetch
from cifar_cli.data.mirrors import Archive
from cifar_cli.data.sources import Splits
from cifar_cli.data.synthetic import synthetic_sets
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint
from cifar_cli.runs.history import METRICS_COLUMNS, read_json, read_metrics, write_json, write_metrics

CONFIG = """
data: {name: synthetic, batch_size: 20, val_size: 100}
model:
  layers:
    - conv1: {type: Conv2d, out_channels: 4, kernel_size: 3}
    - norm1: BatchNorm2d
    - pool1: {type: MaxPool2d, kernel_size: 8}
    - flatten: Flatten
    - fc1: {type: Linear, out_features: 10}
optimizer: {name: adamw}
"""
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


def damaged(content: bytes, generator: random.Random) -> bytes:
    """Returns the bytes with some flipped, cut off, taken out, doubled, moved or overwritten."""
    changed = bytearray(content)
    for _ in range(generator.choice((1, 1, 1, 2, 5, 30))):
        position = generator.randrange(len(changed) + 1)
        size = generator.choice((1, 1, 2, 4, 8, 100, 5000))
        match generator.choice(("flip", "flip", "cut", "take out", "double", "move", "zeros", "ones", "noise")):
            case "flip" if position < len(changed):
                changed[position] ^= 1 << generator.randrange(8)
            case "cut":
                del changed[max(position, len(changed) - size) :]
            case "take out":
                del changed[position : position + size]
            case "double":
                changed[position:position] = changed[position : position + size]
            case "move":
                other = generator.randrange(len(changed) + 1)
                changed[position : position + size] = changed[other : other + size]
            case "zeros":
                changed[position : position + size] = bytes(len(changed[position : position + size]))
            case "ones":
                changed[position : position + size] = b"\xff" * len(changed[position : position + size])
            case "noise":
                changed[position : position + size] = generator.randbytes(len(changed[position : position + size]))
    return bytes(changed)


# --- checkpoints -----------------------------------------------------------------------------------------------------


def _training() -> parts.Training:
    """Returns a small training after its first step."""
    experiment = config.load_text(CONFIG, place="CONFIG")
    train, test = synthetic_sets(train_size=200, test_size=100)
    splits = Splits(train, train, test, (0.5,) * 3, (0.2,) * 3, None)
    training = parts.training(experiment, splits, parts.runtime(experiment))
    training.state.model(torch.randn(4, 3, 32, 32)).sum().backward()
    training.state.optimizer.step()
    return training


def _checkpoint(folder: Path, training: parts.Training) -> Path:
    text = config.dump(config.load_text(CONFIG, place="CONFIG"))
    save_checkpoint(folder / "sound.pt", {"config": text, **training.state.state_dict()})
    return folder / "sound.pt"


def checkpoints(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that open a checkpoint with damaged bytes: refused, unless nothing of what it holds has changed."""
    sound = _checkpoint(folder, _training())
    content, weights = sound.read_bytes(), load_checkpoint(sound)["model"]

    def read() -> bool:
        path = folder / "damaged.pt"
        path.write_bytes(damaged(content, generator))
        model = open_network(str(path), source=None, overrides=(), log_dir=folder).model
        assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items()), "other weights"
        return True

    for _ in range(count):
        yield read


def contents_of_checkpoints(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that open and resume a checkpoint whose parts are damaged and whose checksums are right."""
    training = _training()
    with zipfile.ZipFile(_checkpoint(folder, training)) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}

    def read() -> bool:
        changed = dict(content)
        pickled = next(name for name in content if name.endswith("data.pkl"))
        for _ in range(generator.choice((1, 1, 2))):
            name = generator.choice([pickled] * 8 + list(content))
            match generator.choice(("damage",) * 8 + ("leave out", "rename")):
                case "leave out":
                    changed.pop(name, None)
                case "rename":
                    changed[generator.choice(("../evil", "/evil", f"{name}x", "archive/data/0"))] = content[name]
                case _:
                    changed[name] = damaged(content[name], generator)
        path = folder / "damaged.pt"
        with zipfile.ZipFile(
            path, "w", generator.choice((zipfile.ZIP_STORED,) * 20 + (zipfile.ZIP_DEFLATED,))
        ) as archive:
            for name, part in changed.items():
                archive.writestr(name, part)
        saved = load_checkpoint(path)
        open_network(str(path), source=None, overrides=(), log_dir=folder)
        load_state(training.state, saved, path=path)
        return True

    for _ in range(count):
        yield read


# --- records ---------------------------------------------------------------------------------------------------------


def records(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that read damaged metrics.csv and summary.json."""
    row = dict.fromkeys(METRICS_COLUMNS, 0.125)
    write_metrics(folder / "metrics.csv", [{**row, "epoch": epoch, "val_loss": None} for epoch in range(5)])
    write_json(folder / "summary.json", {"name": "é", "status": "completed", "test": {"accuracy": 0.5}, "epochs": 3})

    def read(reader: Callable[[Path], Any], content: bytes) -> bool:
        path = folder / "damaged"
        path.write_bytes(damaged(content, generator))
        reader(path)
        return True

    readers = ((read_metrics, "metrics.csv"), (read_json, "summary.json"))
    for number in range(count):
        reader, name = readers[number % 2]
        yield partial(read, reader, (folder / name).read_bytes())


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
    patience = Patience(head_start_seconds=0.05, connect_seconds=0.5, stall_seconds=0.2)
    target = folder / "downloads"
    target.mkdir(exist_ok=True)

    def read(answer: bytes) -> bool:
        for left in target.iterdir():
            left.unlink()
        if generator.random() < 0.3:
            (target / "set.tar.gz.part").write_bytes(damaged(content[:2000], generator))
        with _server(answer) as url:
            archive = Archive("set.tar.gz", md5, len(content), folder="set", mirrors=(url,))
            path = fetch(archive, target, patience=patience)
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

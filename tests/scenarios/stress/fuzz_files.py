"""Damaged checkpoints and records, and what damage is."""

import random
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cifar_cli import config
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.builders.load_model import load_model
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.runner.resume import load_state
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.metrics_csv import METRICS_COLUMNS, read_metrics, write_metrics

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


def _training() -> Training:
    """Returns a small training after its first step."""
    experiment = config.load_text(CONFIG, location="CONFIG")
    train, test = synthetic_sets(train_size=200, test_size=100)
    splits = Splits(train, train, test, (0.5,) * 3, (0.2,) * 3, None)
    training = build_training(experiment, splits, build_runtime(experiment))
    training.state.model(torch.randn(4, 3, 32, 32, device=training.runtime.device)).sum().backward()
    training.state.optimizer.step()
    return training


def _checkpoint(folder: Path, training: Training) -> Path:
    text = config.dump(config.load_text(CONFIG, location="CONFIG"))
    save_checkpoint(folder / "sound.pt", {"config": text, **training.state.state_dict()})
    return folder / "sound.pt"


def checkpoints(folder: Path, generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that open a checkpoint with damaged bytes: refused, unless nothing of what it holds has changed."""
    sound = _checkpoint(folder, _training())
    content, weights = sound.read_bytes(), load_checkpoint(sound)["model"]

    def read() -> bool:
        path = folder / "damaged.pt"
        path.write_bytes(damaged(content, generator))
        model = load_model(str(path), log_dir=folder).model
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
        load_model(str(path), log_dir=folder)
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

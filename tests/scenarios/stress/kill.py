"""Stops one training again and again, at random moments, and compares what it becomes with a run that nobody stopped.

    python tests/scenarios/stress/kill.py --kills 50 --signals 10 --seed 0

Each stop is followed by `cifar train --resume`, in a process of its own, until the run is complete. Weights, the
optimizer's state, random states, metrics, TensorBoard's curves and the test's figures have to be equal to the bit. The
table at the end says what was lost; the exit code is 1 if anything was.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# BatchNorm, dropout, augmentation, momentum and a schedule: all that a resumed training could lose. The epochs take
# about two seconds, so that checkpoints are written within them and at their ends.
CONFIG = """\
name: killed
data: {name: synthetic, batch_size: 50, val_size: 500, augment: {flip: random, translate: 4, cutout: 8}}
model: {name: cnn, widths: [8, 16, 32], dropout: 0.2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 5.0e-4}
schedule: {name: cosine, warmup_epochs: 1}
train: {epochs: 30, device: cpu, precision: fp32, checkpoint_seconds: 1}
log: {feature_layers: []}
"""
CIFAR = """
from functools import partial
from cifar_cli.data.datasets import synthetic
from cifar_cli.data.datasets.synthetic import synthetic_sets
synthetic.synthetic_sets = partial(synthetic_sets, train_size=4500, test_size=1000)
from cifar_cli.__main__ import main
main()
"""
TIMES = {"seconds", "images_per_second", "throughput/images_per_second"}  # no two runs agree on these
SECONDS_AFTER_STARTING = (
    1.6  # more than from one checkpoint to the next, so that a resumed run comes forward, if slowly
)


@dataclass
class Row:
    """What became of one run that was stopped by one signal."""

    fault: str
    stops: int = 0
    before_the_run_existed: int = 0
    while_a_file_was_written: int = 0
    codes: set[int] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kills", type=int, default=50, help="stops by SIGKILL, of one run")
    words.add_argument("--signals", type=int, default=10, help="stops by SIGINT and by SIGTERM, of a run each")
    words.add_argument("--seed", type=int, default=0)
    arguments = words.parse_args()
    generator = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, start_seconds = train_undisturbed(Path(folder, "whole"))
        rows = [
            stop_again_and_again(
                Path(folder, number.name), number, stops, whole=whole, start_seconds=start_seconds, generator=generator
            )
            for number, stops in (
                (signal.SIGKILL, arguments.kills),
                (signal.SIGINT, arguments.signals),
                (signal.SIGTERM, arguments.signals),
            )
            if stops
        ]
    print(f"{'fault':8} {'stops':>5} {'before the run existed':>22} {'in a write':>10}  {'exit codes':16} lost")
    for row in rows:
        codes = ",".join(map(str, sorted(row.codes)))
        print(
            f"{row.fault:8} {row.stops:5} {row.before_the_run_existed:22} {row.while_a_file_was_written:10}  "
            f"{codes:16} {'; '.join(row.lost) or 'nothing'}"
        )
    sys.exit(any(row.lost for row in rows))


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    with (folder / "told.txt").open("ab") as told:
        return subprocess.Popen(
            [sys.executable, "-c", CIFAR, "train", *words],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=told,
            stderr=told,
        )


def wait_for_training(process: subprocess.Popen[bytes], folder: Path) -> None:
    told = folder / "told.txt"
    before = told.read_text().count("watch it:")
    while process.poll() is None and told.read_text().count("watch it:") == before:
        time.sleep(0.01)


def train_undisturbed(folder: Path) -> tuple[Path, float]:
    """Returns the run, and how many seconds went by until it took its first step."""
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    began = time.monotonic()
    process = start(folder, "--config", "config.yaml")
    while not list(folder.glob("logs/*/checkpoints/last.pt")):
        assert process.poll() is None, (folder / "told.txt").read_text()
        time.sleep(0.01)
    start_seconds = time.monotonic() - began
    assert process.wait() == 0, (folder / "told.txt").read_text()
    print(f"undisturbed: {start_seconds:.1f} s to the first step, {time.monotonic() - began:.1f} s in all", flush=True)
    return only_run(folder), start_seconds


def stop_again_and_again(
    folder: Path, number: signal.Signals, stops: int, *, whole: Path, start_seconds: float, generator: random.Random
) -> Row:
    """Stops a run up to `stops` times, lets it come to its end then, and compares it with the whole one."""
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    row = Row(number.name)
    while True:
        resumable = list(folder.glob("logs/*/checkpoints/last.pt"))
        process = start(folder, *(["--resume", str(only_run(folder))] if resumable else ["--config", "config.yaml"]))
        if row.stops < stops:
            try:
                if generator.random() < 0.4:  # while it starts
                    process.wait(timeout=generator.uniform(0.0, start_seconds))
                else:  # while it trains, wherever in the run it is by now
                    wait_for_training(process, folder)
                    process.wait(timeout=generator.uniform(0.0, SECONDS_AFTER_STARTING))
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                row.stops += 1
                row.before_the_run_existed += not list(folder.glob("logs/*/checkpoints/last.pt"))
        code = process.wait(timeout=600)
        row.codes.add(code)
        row.while_a_file_was_written += remove_leftovers(folder)
        print(f"{row.fault} {row.stops}: exit code {code}, {where(folder)}", flush=True)
        if is_complete(folder):  # it may be killed after that, on its way out
            break
        if code not in (-number, 128 + number):
            row.lost.append(f"exit code {code}: {(folder / 'told.txt').read_text()[-500:]}")
            return row
    row.lost += differences(whole, only_run(folder))
    if b"Traceback" in (folder / "told.txt").read_bytes():
        row.lost.append("a traceback was shown")
    return row


def remove_leftovers(folder: Path) -> int:
    """Removes what is half written, and the folders of runs that never came to a checkpoint; tells how many files."""
    leftovers = list(folder.glob("logs/**/.*.tmp"))
    for run in folder.glob("logs/*"):
        if not (run / "checkpoints" / "last.pt").is_file():
            run.rename(folder / f"nothing-{time.monotonic_ns()}")
    return len({path.name for path in leftovers})


def where(folder: Path) -> str:
    if not list(folder.glob("logs/*/summary.json")):
        return "no run yet"
    summary = json.loads((only_run(folder) / "summary.json").read_text())
    return f"{summary['epochs']} epochs, {summary['status']}"


def is_complete(folder: Path) -> bool:
    return where(folder).endswith("completed")


def only_run(folder: Path) -> Path:
    (run,) = (folder / "logs").iterdir()
    return run


def differences(whole: Path, run: Path) -> list[str]:
    """Returns in what the two runs differ, but for the time they took."""
    compared = {
        **{f"{name}.pt": (checkpoint(whole, name), checkpoint(run, name)) for name in ("last", "best")},
        "metrics.csv": (metrics(whole), metrics(run)),
        "TensorBoard": (curves(whole), curves(run)),
        "test figures": (summary_figures(whole), summary_figures(run)),
    }
    return [place for name, (left, right) in compared.items() for place in unequal(left, right, name)]


def checkpoint(run: Path, name: str) -> object:
    return torch.load(run / "checkpoints" / f"{name}.pt", weights_only=True)


def metrics(run: Path) -> object:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def curves(run: Path) -> object:
    """Returns each curve's points in the order that TensorBoard gives them: a duplicate or a gap is a difference."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
        if tag not in TIMES
    }


def summary_figures(run: Path) -> object:
    summary = json.loads((run / "summary.json").read_text())
    return {key: summary[key] for key in ("status", "epochs", "best_epoch", "train", "val", "test")}


def unequal(left: object, right: object, place: str) -> list[str]:
    """Returns the places within two nested values where they differ."""
    if type(left) is not type(right):
        return [place]
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return [] if torch.equal(left, right) else [place]
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        if left.keys() != right.keys():
            return [place]
        return [found for key in left.keys() - TIMES for found in unequal(left[key], right[key], f"{place}.{key}")]
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) != len(right):
            return [place]
        return [
            found
            for index, pair in enumerate(zip(left, right, strict=True))
            for found in unequal(*pair, f"{place}.{index}")
        ]
    return [] if left == right else [place]


if __name__ == "__main__":
    main()

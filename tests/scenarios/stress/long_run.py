"""Trains many epochs in one process and measures growth: memory, open files, TensorBoard's file, time per epoch.

    python tests/scenarios/stress/long_run.py --epochs 500

The exit code is 1 if anything grew that should not.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch

from cifar_cli import config
from cifar_cli.data.datasets import synthetic
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.runner.observers import EXTRA_OBSERVERS
from cifar_cli.runner.start import train
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

CONFIG = """\
name: long
data: {name: synthetic, batch_size: 50, val_size: 100, augment: {flip: random, translate: 4}}
model: {name: cnn, widths: [4, 8, 16]}
optimizer: {name: sgd, lr: 0.01, momentum: 0.9}
schedule: {name: constant}
train: {device: cpu, precision: fp32, checkpoint_seconds: 1}
log: {feature_layers: [blocks.0.conv1]}
"""
SETTLED = 50  # epochs after which everything that is kept for the rest has been made
MAX_GROWTH = 0.01
MAX_EVENT_BYTES = 50 * 2**20
MAX_SLOWDOWN = 1.1


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--epochs", type=int, default=500)
    epochs = words.parse_args().epochs
    torch.set_num_threads(1)
    synthetic.synthetic_sets = partial(synthetic_sets, train_size=600, test_size=100)
    resources = Resources()
    EXTRA_OBSERVERS.append(resources)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("long.yaml").write_text(CONFIG)
        train(config.load("long.yaml", [f"train.epochs={epochs}"]), started_at=time.perf_counter())
        (run,) = Path("logs").iterdir()
        event_bytes = sum(path.stat().st_size for path in run.glob("events.*"))
        os.chdir("/")
    memory, files = resources.memory, resources.files
    seconds = [after - before for before, after in pairwise(resources.clock)]
    growth = memory[-1] / memory[SETTLED - 1] - 1
    slowdown = statistics.median(seconds[-SETTLED:]) / statistics.median(seconds[:SETTLED])
    print(f"memory: {memory[SETTLED - 1] / 1e6:.1f} MB after {SETTLED} epochs, {memory[-1] / 1e6:.1f} MB at the end")
    print(f"        {growth:+.2%}, at most {max(memory[SETTLED:]) / 1e6:.1f} MB")
    print(f"open files: {files[SETTLED - 1]} after {SETTLED} epochs, {files[-1]} at the end")
    print(f"TensorBoard's file: {event_bytes / 1e6:.1f} MB")
    print(f"processor time per epoch: the last {SETTLED} against the first: {slowdown:.3f} (medians)")
    sys.exit(
        growth > MAX_GROWTH
        or files[-1] > files[SETTLED - 1]
        or event_bytes > MAX_EVENT_BYTES
        or slowdown > MAX_SLOWDOWN
    )


class Resources(Observer):
    """Measures this process after each epoch: resident bytes, open files, seconds of processor time."""

    def __init__(self) -> None:
        self.memory: list[int] = []
        self.files: list[int] = []
        self.clock: list[float] = []  # the processor's time: a busy machine must not look like a slow program

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))
        self.files.append(len(os.listdir("/proc/self/fd")))
        self.clock.append(time.process_time())


if __name__ == "__main__":
    main()

"""Trainings in two real processes held against the same training in one."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

# Both norms and augmentation; batches of 25, so shares of 13 and 12, and a last one of one image, so of 1 and none.
CONFIG = """\
name: shared
data:
  name: synthetic
  batch_size: 25
  val_size: 99
  augment: {flip: random, translate: 4, rand_augment: [2, 9], mixup: 0.2}
model:
  layers:
    - conv1: {type: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}
    - norm1: BatchNorm2d
    - relu1: ReLU
    - pool1: {type: MaxPool2d, kernel_size: 4}
    - norm2: {type: InstanceNorm2d, affine: true, track_running_stats: true}
    - flatten: Flatten
    - fc1: {type: Linear, out_features: 10}
loss: {name: focal, class_weights: balanced}
optimizer: {name: sgd, lr: 0.002, momentum: 0.9}
schedule: {name: cosine}
train: {epochs: 2, device: cpu, precision: fp32}
log: {feature_layers: [conv1]}
"""
# `cifar` on few images; after step $SIGNAL_AT_STEP, process 1 sends itself the signal $SIGNAL.
CIFAR_ON_FEW_IMAGES = """
import os
from functools import partial
from cifar_cli.data.datasets import synthetic
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.runner import run_training
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import Observer

class SignalToProcess1(Observer):
    def step_ended(self, state):
        if os.environ["RANK"] == "1" and str(state.progress.step) == os.environ.get("SIGNAL_AT_STEP"):
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

def fit_with_signal(state, task, *, observers=(), **rest):
    fit(state, task, observers=[*observers, SignalToProcess1()], **rest)

run_training.fit = fit_with_signal
synthetic.synthetic_sets = partial(synthetic_sets, train_size=600, test_size=100)
from cifar_cli.__main__ import main
"""
# Pairs of processes as torchrun would start them, but forked: the slowest parts, importing torch and what torch imports
# to make a DistributedDataParallel, happen once.
IN_TWO_PROCESSES = """
import json, signal, sys
import torch._dynamo.convert_frame
for line in sys.stdin:
    order = json.loads(line)
    children = []
    for rank in ("0", "1"):
        children.append(os.fork())
        if children[-1] == 0:
            signal.alarm(80)
            os.chdir(order["folder"])
            os.environ.update(order["environment"], RANK=rank, LOCAL_RANK=rank)
            for descriptor, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(name + rank, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
            sys.argv[1:] = order["arguments"]
            sys.exit(main())
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), flush=True)
"""
InTwoProcesses = Callable[..., list[tuple[int, str, str]]]
TRAIN = ["train", "--config", "shared.yaml"]
# The network of the configuration, as a person's own.
OWN_NETWORK = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8)
        self.norm2 = nn.InstanceNorm2d(8, affine=True, track_running_stats=True)
        self.fc1 = nn.Linear(8 * 8 * 8, 10)

    def forward(self, x):
        x = self.norm2(nn.functional.max_pool2d(self.norm1(self.conv1(x)).relu(), 4))
        return self.fc1(x.view(-1, 8 * 8 * 8))
"""


def environment(**changes: object) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **{name: str(value) for name, value in changes.items()}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def run_in_two_processes() -> Iterator[InTwoProcesses]:
    """Returns a function that runs `cifar` with arguments in two processes, in a folder, with environment variables.

    It returns the exit code, stdout and stderr of each.
    """
    with subprocess.Popen(
        [sys.executable, "-c", CIFAR_ON_FEW_IMAGES + IN_TWO_PROCESSES],
        env={name: value for name, value in environment().items() if name != "CIFAR_DATA_DIR"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orders, answers = process.stdin, process.stdout

        def run(folder: Path, *arguments: str, **changes: object) -> list[tuple[int, str, str]]:
            changes |= {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
            order = {
                "folder": str(folder),
                "arguments": arguments,
                "environment": {name: str(value) for name, value in changes.items()},
            }
            print(json.dumps(order), file=orders, flush=True)
            codes = json.loads(answers.readline())
            texts = [[(folder / f"{name}{rank}").read_text() for name in ("out", "err")] for rank in (0, 1)]
            return [(code, out, err) for code, (out, err) in zip(codes, texts, strict=True)]

        yield run


def only_run(folder: Path) -> Path:
    (run,) = (folder / "logs").iterdir()
    return run


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def assert_same_training(run: Path, expected: Path) -> None:
    """Asserts equality up to rounding: sums of float32 in another order, over 42 steps."""
    saved, twin = (torch.load(each / "checkpoints" / "last.pt", weights_only=True) for each in (run, expected))
    for name, weights in twin["model"].items():
        torch.testing.assert_close(saved["model"][name], weights, rtol=1e-4, atol=1e-5, msg=name)
    assert saved["progress"] == twin["progress"]
    assert torch.equal(saved["random"]["augment"], twin["random"]["augment"])
    rows, twins = (list(csv.DictReader((each / "metrics.csv").open(newline=""))) for each in (run, expected))
    assert len(rows) == len(twins) == 2
    for row, other in zip(rows, twins, strict=True):
        for figure in ("epoch", "step", "lr", "train_accuracy", "val_accuracy"):
            assert row[figure] == other[figure]
        for figure in ("train_loss", "val_loss"):
            assert float(row[figure]) == pytest.approx(float(other[figure]), rel=1e-5)
    assert read_summary(run)["test"]["accuracy"] == read_summary(expected)["test"]["accuracy"]
    assert read_summary(run)["status"] == "completed"


@pytest.fixture(scope="module")
def in_one_process(cifar_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    (folder / "shared.yaml").write_text(CONFIG)
    outcome = cifar_in(folder, *TRAIN)
    assert outcome.code == 0, outcome.err
    return only_run(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared.yaml").write_text(CONFIG)
    return tmp_path


def test_a_signal_to_one_process_stops_both_at_the_same_step_and_torchruns_processes_resume(
    folder: Path, in_one_process: Path, run_in_two_processes: InTwoProcesses
) -> None:
    (code, _, err), other = run_in_two_processes(folder, *TRAIN, SIGNAL=int(signal.SIGTERM), SIGNAL_AT_STEP=30)
    run = only_run(folder)
    assert code == 143
    assert err.splitlines()[-2:] == [
        f"saved; continue with: cifar train --resume logs/{run.name}",
        "error: stopped in epoch 2, after step 30",
    ]
    assert other == (143, "", "")
    assert read_summary(run)["status"] == "interrupted"

    (folder / "few.py").write_text(CIFAR_ON_FEW_IMAGES + "main()")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    resumed = subprocess.run(
        [*torchrun, "few.py", "train", "--resume"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert_same_training(only_run(folder), in_one_process)
    assert "2 processes, each with 1 CPU thread" in resumed.stderr
    # One process prints each message.
    assert [resumed.stderr.count(text) for text in ("SYNTHETIC", "after epoch 1, step 30", "epoch 2/2")] == [1, 1, 1]
    assert resumed.stdout.count("test, read at the end") == 1


def test_when_a_process_is_killed_the_other_ends_and_a_single_process_can_resume(
    folder: Path, in_one_process: Path, cifar_in: Callable[..., Any], run_in_two_processes: InTwoProcesses
) -> None:
    (code, _, err), (killed, _, _) = run_in_two_processes(folder, *TRAIN, SIGNAL=int(signal.SIGKILL), SIGNAL_AT_STEP=30)
    assert killed == -signal.SIGKILL
    assert code == 1
    assert err.splitlines()[-1] == (
        "error: process 0 of 2: another process of this training ended early; "
        "continue from the last checkpoint, with any number of processes: cifar train --resume"
    )
    assert read_summary(only_run(folder))["status"] == "failed"
    resumed = cifar_in(folder, "train", "--resume")
    assert resumed.code == 0, resumed.err
    assert "after epoch 1, step 21" in resumed.err
    assert_same_training(only_run(folder), in_one_process)


def test_sam_in_parts_takes_in_two_processes_the_steps_of_one(
    folder: Path,
    cifar_in: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    run_in_two_processes: InTwoProcesses,
) -> None:
    options = ["sharpness={name: sam, rho: 0.05}", "train.micro_batch_size=10", "train.clip_grad_norm=1"]
    words = [*TRAIN, *options, "train.epochs=1", "data.val_size=399", "log.images_every=0", "log.statistics_every=0"]
    alone = tmp_path_factory.mktemp("alone")
    (alone / "shared.yaml").write_text(CONFIG)
    outcome = cifar_in(alone, *words)
    assert outcome.code == 0, outcome.err
    (code, _, err), other = run_in_two_processes(folder, *words)
    assert code == 0, err
    assert other == (0, "", "")
    saved, expected = (
        torch.load(only_run(each) / "checkpoints" / "last.pt", weights_only=True) for each in (folder, alone)
    )
    assert saved["progress"]["step"] == expected["progress"]["step"] == 9
    for name, weights in expected["model"].items():
        torch.testing.assert_close(saved["model"][name], weights, rtol=1e-4, atol=1e-5, msg=name)


def test_a_persons_own_network_learns_in_two_processes_what_the_configurations_learns_in_one(
    folder: Path, in_one_process: Path, run_in_two_processes: InTwoProcesses
) -> None:
    (folder / "my_net.py").write_text(OWN_NETWORK)
    (code, out, err), other = run_in_two_processes(folder, *TRAIN, "--model", "my_net.py:Net")
    assert code == 0, err
    assert other == (0, "", "")
    assert out.count("test, read at the end") == 1
    assert read_summary(only_run(folder))["model"] == "my_net.py:Net"
    assert_same_training(only_run(folder), in_one_process)

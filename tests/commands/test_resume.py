"""Interrupting a training and continuing it: real processes, real signals, and the same numbers to the bit."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# 100 steps an epoch.
OVERRIDES = ["data.batch_size=5", "optimizer.lr=0.005", "train.epochs=5", "log.images_every=0"]
WORDS = ["train", "--config", "small.yaml", *OVERRIDES]
# `cifar` on few images, that waits a moment in the middle of its third epoch to be sent a signal.
PAUSING_CIFAR = """
import sys, time
from functools import partial
from cifar_cli.data import sources
from cifar_cli.data.synthetic import synthetic_sets
from cifar_cli.observers.console import ConsoleProgress

def pause(self, state):
    if state.progress.step == 230:
        print("at step 230", file=sys.stderr, flush=True)
        time.sleep(1)

ConsoleProgress.step_ended = pause
sources.synthetic_sets = partial(synthetic_sets, train_size=600, test_size=100)
from cifar_cli.cli import main
main()
"""


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Sums come out the same to the bit only with the same number of threads, and the other process has one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def uninterrupted(
    one_thread: None, cifar_in: Callable[..., Any], trained: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    shutil.copy(trained[0].parents[1] / "small.yaml", folder)
    assert cifar_in(folder, *WORDS).code == 0
    return only_run(folder)


@dataclass(frozen=True)
class Stopped:
    code: int
    err: str
    run: Path


def train_and_stop(folder: Path, number: signal.Signals) -> Stopped:
    """Trains in a process of its own and sends it a signal in the middle of the third epoch."""
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSING_CIFAR, *WORDS],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        told = []
        for line in process.stderr:
            told.append(line)
            if line == "at step 230\n":
                process.send_signal(number)
        return Stopped(process.wait(timeout=60), "".join(told), only_run(folder))
    finally:
        process.kill()
        process.wait()


def only_run(folder: Path) -> Path:
    (run,) = (folder / "logs").iterdir()
    return run


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def read_rows_without_times(run: Path) -> list[list[str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row[:-2] for row in csv.reader(file)]


def read_checkpoint(run: Path, which: str) -> dict[str, Any]:
    saved = torch.load(run / "checkpoints" / f"{which}.pt", weights_only=True)
    saved["totals"].pop("seconds")
    return saved


@pytest.mark.parametrize(
    ("number", "code", "resume_by"),
    [(signal.SIGINT, 130, "{run.name}"), (signal.SIGTERM, 143, "logs/{run.name}/checkpoints/last.pt")],
)
def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(
    number: signal.Signals, code: int, resume_by: str, uninterrupted: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    cifar("--version")  # writes small.yaml
    stopped = train_and_stop(tmp_path, number)
    run, shown = stopped.run, f"logs/{stopped.run.name}"

    assert stopped.code == code, stopped.err
    position = read_checkpoint(run, "last")["progress"]
    assert (position["epoch"], position["step"]) == (2, 230)
    assert stopped.err.splitlines()[-2:] == [
        f"saved; continue with: cifar train --resume {shown}",
        "error: stopped in epoch 3, after step 230",
    ]
    interrupted = read_summary(run)
    assert (interrupted["status"], interrupted["epochs"], interrupted["test"]) == ("interrupted", 2, None)

    resumed = cifar("train", "--resume", resume_by.format(run=run))
    assert resumed.code == 0, resumed.err
    assert f"resuming {shown} after epoch 2, step 230" in resumed.err.splitlines()
    assert read_rows_without_times(run) == read_rows_without_times(uninterrupted)
    for which in ("last", "best"):
        same = {key: value for key, value in read_checkpoint(uninterrupted, which).items() if key != "config"}
        torch.testing.assert_close(
            {key: value for key, value in read_checkpoint(run, which).items() if key != "config"}, same, rtol=0, atol=0
        )
    summary = read_summary(run)
    assert summary["status"] == "completed"
    assert summary["test"] == read_summary(uninterrupted)["test"]
    assert summary["best_epoch"] == read_summary(uninterrupted)["best_epoch"]
    assert summary["wall_seconds"] > interrupted["wall_seconds"]
    events = EventAccumulator(str(run)).Reload()
    assert [event.step for event in events.Scalars("loss/train")] == [1, 2, 3, 4, 5]


def test_a_finished_run_is_not_resumed_but_a_longer_one_suggested(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 2
    assert outcome.err == (
        f"error: {run}: expected an unfinished run, found one with all its 2 epochs; "
        f"start a longer one with: cifar train --config {run / 'config.yaml'} train.epochs=4\n"
    )


def test_a_run_killed_before_its_test_is_resumed_for_the_test_alone(run: Path, cifar: Callable[..., Any]) -> None:
    summary = read_summary(run)
    (run / "summary.json").write_text(json.dumps({**summary, "status": "running", "test": None}))
    before = {path: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    assert (read_summary(run)["status"], read_summary(run)["test"]) == ("completed", summary["test"])
    assert {path: path.read_bytes() for path in (run / "checkpoints").iterdir()} == before


def test_an_unknown_run_gets_the_nearest_name_and_the_newest_runs(run: Path, cifar: Callable[..., Any]) -> None:
    misspelt = run.name.replace("small", "smal")
    outcome = cifar("train", "--resume", misspelt)
    assert outcome.code == 1
    assert outcome.err == (
        f"error: {misspelt}: expected a run folder, a checkpoint file, or the name of a run under logs, "
        f"found none of them; the newest runs are {run.name}; did you mean '{run.name}'?\n"
    )


def test_with_no_runs_at_all_it_says_how_to_make_one(cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--resume", "small-1", "--log-dir", "elsewhere")
    assert outcome.code == 1
    assert "there are no runs under elsewhere yet: cifar train --config quickstart makes one" in outcome.err


def test_a_damaged_checkpoint_is_named(run: Path, cifar: Callable[..., Any]) -> None:
    path = run / "checkpoints" / "last.pt"
    path.write_bytes(path.read_bytes()[:1000])
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 1
    assert outcome.err == (
        f"error: {path}: expected a whole checkpoint, found a part of one, or no checkpoint at all; "
        "use the run's other checkpoint, last.pt or best.pt\n"
    )


def test_a_run_stopped_before_its_first_checkpoint_says_that_there_is_none(
    run: Path, cifar: Callable[..., Any]
) -> None:
    path = run / "checkpoints" / "last.pt"
    path.unlink()
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 1
    assert f"error: {path}: expected a checkpoint, found no such file" in outcome.err

"""Interrupting a training and continuing it: real processes, real signals, and the same numbers to the bit."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_cli.runner import resume as resume_command
from cifar_cli.runs.run_folder import RunFolder, find_runs, newest_run

# 100 steps an epoch.
OVERRIDES = ["data.batch_size=5", "optimizer.lr=0.005", "train.epochs=5", "log.images_every=0"]
WORDS = ["train", "--config", "small.yaml", *OVERRIDES]
# `cifar` on few images, that waits a moment in the middle of its third epoch to be sent a signal.
PAUSING_CIFAR = """
import sys, time
from functools import partial
from cifar_cli.data.datasets import synthetic
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.observers.progress_bar import ProgressBar

def pause(self, state):
    if state.progress.step == 230:
        print("at step 230", file=sys.stderr, flush=True)
        time.sleep(1)

ProgressBar.step_ended = pause
synthetic.synthetic_sets = partial(synthetic_sets, train_size=600, test_size=100)
from cifar_cli.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def uninterrupted(
    cifar_in: Callable[..., Any], trained: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory
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
    assert [event.step for event in events.Scalars("loss/train")] == [100, 200, 300, 400, 500]


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


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    run: Path, trained: tuple[Path, Any], cifar: Callable[..., Any]
) -> None:
    last, previous = run / "checkpoints" / "last.pt", run / "checkpoints" / "previous.pt"
    whole = read_checkpoint(run, "last")["model"]
    last.write_bytes(last.read_bytes()[:1000])
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith(
        f"warning: {last}: expected a whole checkpoint, found a part of one, or no checkpoint at all; "
        f"use the run's other checkpoint, last.pt or best.pt\ngoing on from the checkpoint before it, {previous}\n"
    )
    assert f"resuming {run} after epoch 1, step 10" in outcome.err
    torch.testing.assert_close(read_checkpoint(run, "last")["model"], whole, rtol=0, atol=0)


def test_two_damaged_checkpoints_end_in_a_message(run: Path, cifar: Callable[..., Any]) -> None:
    for which in ("last", "previous"):
        (run / "checkpoints" / f"{which}.pt").write_bytes(b"torn")
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 1
    assert f"error: {run}/checkpoints/previous.pt: expected a whole checkpoint" in outcome.err


def test_without_a_name_the_newest_unfinished_run_is_resumed(run: Path, cifar: Callable[..., Any]) -> None:
    nothing = cifar("train", "--resume")
    assert nothing.code == 1
    assert "logs: expected an unfinished run, found none" in nothing.err
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "running"}))
    assert f"resuming logs/{run.name} after epoch 2" in cifar("train", "--resume").err


def test_the_newest_run_stays_the_newest_whatever_is_done_to_an_older_one(
    run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    assert cifar("train", "--config", "small.yaml", "name=newer", "train.epochs=1").code == 0
    (newer,) = logs.glob("newer-*")
    started = json.loads((run / "env.json").read_text())["started"]
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "running"}))
    assert cifar("train", "--resume", run.name).code == 0
    (run / "config.yaml").touch()
    shutil.copytree(run, logs / "z-copy", copy_function=shutil.copyfile)
    assert [each.name for each in find_runs(logs)] == [run.name, "z-copy", newer.name]
    assert newest_run(logs) == RunFolder(newer)
    assert json.loads((run / "env.json").read_text())["started"] == started


# The third epoch of the second begins with a stair, which lies where the shorter run ends.
@pytest.mark.parametrize("schedule", ["{name: constant}", "{name: step, every_epochs: 2, gamma: 0.1}"])
def test_a_finished_run_goes_on_to_more_epochs_as_if_it_had_been_begun_with_them(
    cifar: Callable[..., Any], tmp_path: Path, schedule: str
) -> None:
    words = ["train", "--config", "small.yaml", "log.images_every=0", f"schedule={schedule}"]
    assert cifar(*words, "name=longer", "train.epochs=3").code == 0
    assert cifar(*words, "name=shorter").code == 0
    (longer,), (shorter,) = (list((tmp_path / "logs").glob(f"{name}-*")) for name in ("longer", "shorter"))
    outcome = cifar("train", "--resume", shorter, "train.epochs=3")
    assert outcome.code == 0, outcome.err
    assert read_rows_without_times(shorter) == read_rows_without_times(longer)
    assert read_summary(shorter)["test"] == read_summary(longer)["test"]
    assert "epochs: 3" in (shorter / "config.yaml").read_text()


def test_a_lengthening_that_is_killed_at_once_is_not_forgotten(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cifar("train", "--config", "small.yaml", "schedule={name: constant}", "train.epochs=1").code == 0
    (run,) = (tmp_path / "logs").iterdir()

    def kill(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(resume_command, "run_training", kill)
        assert cifar("train", "--resume", run, "train.epochs=2").code == 1
    assert cifar("train", "--resume", run).code == 0
    assert read_summary(run)["epochs"] == 2


def test_a_run_goes_on_on_another_device(run: Path, cifar: Callable[..., Any]) -> None:
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "running"}))
    outcome = cifar("train", "--resume", run, "train.device=auto")
    assert outcome.code == 0, outcome.err
    assert "device: auto" in (run / "config.yaml").read_text()
    assert read_summary(run)["status"] == "completed"


def test_without_a_name_a_run_that_diverged_is_passed_over(run: Path, cifar: Callable[..., Any]) -> None:
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "failed", "error": "diverged"}))
    outcome = cifar("train", "--resume")
    assert outcome.code == 1
    assert "logs: expected an unfinished run, found none" in outcome.err


def test_a_run_with_lookahead_is_not_made_longer(cifar: Callable[..., Any], tmp_path: Path) -> None:
    words = ["schedule={name: constant}", "average={name: lookahead}", "train.epochs=1"]
    assert cifar("train", "--config", "small.yaml", *words).code == 0
    (run,) = (tmp_path / "logs").iterdir()
    outcome = cifar("train", "--resume", run, "train.epochs=2")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].endswith(
        "train.epochs: the average lookahead is laid out over the run's 1 epochs, so it cannot go on to 2; "
        f"begin a longer run with: cifar train --config {run}/config.yaml train.epochs=2"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epochs=4", "the schedule cosine is laid out over the run's 2 epochs, so it cannot go on to 4; begin a"),
        ("train.epochs=1", "train.epochs: expected at least the 2 that the run was begun with, found 1; leave it out"),
        (
            "seed=1",
            "as it was begun, so expected no key=value but of train.epochs, train.device, train.precision, "
            "found seed=1; begin another run with: ",
        ),
    ],
)
def test_what_would_make_it_another_run_is_refused(
    run: Path, cifar: Callable[..., Any], override: str, message: str
) -> None:
    outcome = cifar("train", "--resume", run, override)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_run_stopped_before_its_first_checkpoint_says_that_there_is_none(
    run: Path, cifar: Callable[..., Any]
) -> None:
    path = run / "checkpoints" / "last.pt"
    path.unlink()
    (run / "checkpoints" / "previous.pt").unlink()
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 1
    assert f"error: {path}: expected a checkpoint, found no such file" in outcome.err

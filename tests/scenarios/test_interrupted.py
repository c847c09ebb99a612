"""Trainings that Ctrl-C or SIGTERM stops, and what they become when they are resumed: the same numbers to the bit."""

import csv
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_cli.runner import observers
from cifar_cli.training.observer import Observer

# 100 steps an epoch.
OVERRIDES = ["data.batch_size=5", "optimizer.lr=0.005", "train.epochs=5", "log.images_every=0"]
WORDS = ["train", "--config", "small.yaml", *OVERRIDES]
ONE_EPOCH = ["train", "--config", "small.yaml", "train.epochs=1"]
# `cifar` on few images, which waits at step 230, in the middle of its third epoch, until a signal has arrived.
WAITING_CIFAR = """
import signal, sys, time
from functools import partial
from cifar_cli.data.datasets import synthetic
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.runner.observers import EXTRA_OBSERVERS
from cifar_cli.training.observer import Observer

class WaitForSignal(Observer):
    def step_ended(self, state):
        if state.progress.step == 230:
            handler = signal.getsignal(signal.SIGINT)
            print("at step 230", file=sys.stderr, flush=True)
            while signal.getsignal(signal.SIGINT) is handler:  # the first signal puts the handler before it back
                time.sleep(0.01)

EXTRA_OBSERVERS.append(WaitForSignal())
synthetic.synthetic_sets = partial(synthetic_sets, train_size=600, test_size=100)
from cifar_cli.__main__ import main
main()
"""


def only_run(folder: Path) -> Path:
    (run,) = (folder / "logs").iterdir()
    return run


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def read_rows_without_times(run: Path) -> list[list[str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row[:-2] for row in csv.reader(file)]


def read_checkpoint(run: Path, which: str = "last") -> dict[str, Any]:
    saved = torch.load(run / "checkpoints" / f"{which}.pt", weights_only=True)
    saved["totals"].pop("seconds")
    return saved


def the_group(folder: Path) -> Path:
    (group,) = (folder / "logs").glob("*-seeds-*")
    return group


def runs_by_seed(folder: Path) -> dict[int, Path]:
    return {read_summary(run)["seed"]: run for run in (folder / "logs").glob("*-seed[0-9]*")}


def press_ctrl_c(times: int) -> None:
    for _ in range(times):
        signal.raise_signal(signal.SIGINT)


def remove_checkpoints_and_stop(folder: Path) -> None:
    for path in folder.glob("logs/*/checkpoints/*.pt"):
        path.unlink()
    press_ctrl_c(2)


# --- one run ---------------------------------------------------------------------------------------------------------


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


@contextmanager
def training_at_step_230(folder: Path, *words: str, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """Starts a training in a process of its own, which waits for a signal in the middle of its third epoch."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING_CIFAR, *WORDS, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        **streams,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def train_and_stop(folder: Path, number: signal.Signals) -> Stopped:
    """Trains in a process of its own and sends that process a signal in the middle of the third epoch."""
    with training_at_step_230(folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line == "at step 230\n":
                process.send_signal(number)
        return Stopped(process.wait(timeout=60), "".join(lines), only_run(folder))


@pytest.mark.parametrize(
    ("number", "code", "resume_by"),
    [
        (signal.SIGINT, 130, "{run.name}"),
        (signal.SIGTERM, 143, "logs/{run.name}/checkpoints/last.pt"),
        (signal.SIGHUP, 129, "logs/{run.name}"),
    ],
)
def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(
    number: signal.Signals,
    code: int,
    resume_by: str,
    uninterrupted: Path,
    cifar: Callable[..., Any],
    tmp_path: Path,
    assert_equal_values: Callable[[object, object], None],
) -> None:
    stopped = train_and_stop(tmp_path, number)
    run, shown = stopped.run, f"logs/{stopped.run.name}"

    assert stopped.code == code, stopped.err
    position = read_checkpoint(run)["progress"]
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
        expected = {key: value for key, value in read_checkpoint(uninterrupted, which).items() if key != "config"}
        actual = {key: value for key, value in read_checkpoint(run, which).items() if key != "config"}
        assert_equal_values(actual, expected)
    summary = read_summary(run)
    assert summary["status"] == "completed"
    assert summary["test"] == read_summary(uninterrupted)["test"]
    assert summary["best_epoch"] == read_summary(uninterrupted)["best_epoch"]
    assert summary["wall_seconds"] > interrupted["wall_seconds"]
    events = EventAccumulator(str(run)).Reload()
    assert [event.step for event in events.Scalars("loss/train")] == [100, 200, 300, 400, 500]


@pytest.mark.usefixtures("cifar")  # for small.yaml
@pytest.mark.parametrize("words", [[], ["--seeds", "2"]], ids=["a run", "a group"])
def test_ctrl_c_that_also_ends_the_reader_of_the_output_saves_and_exits_with_130(
    words: list[str], tmp_path: Path
) -> None:
    # As in `cifar train … 2>&1 | tee log`: the terminal sends Ctrl-C to both.
    with training_at_step_230(tmp_path, *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert any(line == "at step 230\n" for line in process.stdout)
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    (run,) = (path.parents[1] for path in tmp_path.glob("logs/*/checkpoints/last.pt"))
    assert read_checkpoint(run)["progress"]["step"] == 230
    assert read_summary(run)["status"] == "interrupted"
    if words:
        group = read_summary(the_group(tmp_path))
        assert (group["status"], [entry["status"] for entry in group["runs"]]) == (
            "interrupted",
            ["interrupted", "waiting"],
        )


@pytest.mark.usefixtures("cifar")  # for small.yaml
def test_a_terminal_that_closes_lets_the_training_save_first(tmp_path: Path) -> None:
    ours, terminal = os.openpty()
    # A session of its own, whose terminal this is: closing our side sends the training a SIGHUP.
    own_terminal = {"start_new_session": True, "preexec_fn": partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0)}
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    with training_at_step_230(tmp_path, **own_terminal, **streams) as process:
        os.close(terminal)
        shown = b""
        while b"at step 230" not in shown:
            shown += os.read(ours, 1024)
        os.close(ours)
        assert process.wait(timeout=60) == 129
    run = only_run(tmp_path)
    assert read_checkpoint(run)["progress"]["step"] == 230
    assert read_summary(run)["status"] == "interrupted"


def test_a_second_ctrl_c_stops_at_once_and_says_what_is_lost(
    cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(13, lambda state: press_ctrl_c(2)):  # of ten an epoch
        outcome = cifar("train", "--config", "small.yaml")
    run = only_run(tmp_path)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == (
        "error: stopped at once; the last checkpoint was saved after epoch 1, step 10, and later steps are lost; "
        f"continue with: cifar train --resume logs/{run.name}"
    )
    assert "saved; continue" not in outcome.err
    assert read_summary(run)["status"] == "interrupted"
    resumed = cifar("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert f"resuming {run} after epoch 1, step 10" in resumed.err


def test_a_second_ctrl_c_without_a_checkpoint_says_that_nothing_was_saved(
    cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(13, lambda state: remove_checkpoints_and_stop(tmp_path)):
        outcome = cifar("train", "--config", "small.yaml")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "error: stopped at once, before anything was saved"


@pytest.mark.parametrize("kept", [0, 1], ids=["without metrics.csv", "without the best epoch's row"])
def test_a_run_resumed_without_its_rows_has_no_other_epochs_figures(
    kept: int, cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(25, lambda state: press_ctrl_c(1)):  # in the third epoch of ten steps
        assert cifar("train", "--config", "small.yaml", "train.epochs=3", "schedule={name: constant}").code == 130
    run = only_run(tmp_path)
    progress = read_checkpoint(run)["progress"]
    best, metrics = progress["best_epoch"], run / "metrics.csv"
    header, *rows = metrics.read_text().splitlines()
    metrics.unlink()
    if kept:
        metrics.write_text("\n".join([header, *(row for row in rows if not row.startswith(f"{best},"))]) + "\n")

    with at_step(26, lambda state: press_ctrl_c(1)):
        resumed = cifar("train", "--resume", run)
    assert resumed.code == 130
    lost = f"epoch {best}" if kept else "epochs 1, 2"
    assert f"warning: {metrics}: expected a row for each of the 2 epochs trained so far, found none for {lost}; " in (
        resumed.err
    )
    summary = read_summary(run)
    assert (summary["epochs"], summary["best_epoch"], summary["train_seconds"]) == (2, best, None)
    assert (summary["train"], summary["val"]) == (None, {"loss": None, "accuracy": progress["best_val_accuracy"]})
    assert cifar("train", "--resume", run).code == 0
    assert (read_summary(run)["epochs"], read_summary(run)["train_seconds"]) == (3, None)


def test_a_run_that_was_killed_before_its_test_and_lost_its_records_is_tested_all_the_same(
    run: Path, cifar: Callable[..., Any]
) -> None:
    test = read_summary(run)["test"]
    for name in ("metrics.csv", "summary.json"):
        (run / name).unlink()
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    summary, best = read_summary(run), read_checkpoint(run, "best")["progress"]
    assert (summary["status"], summary["epochs"], summary["test"]) == ("completed", 2, test)
    assert summary["val"] == {"loss": None, "accuracy": best["best_val_accuracy"]}
    assert [summary[key] for key in ("train", "train_seconds", "images_per_second", "wall_seconds")] == [None] * 4
    assert "unknown time of training, unknown time in all" in outcome.out


# --- a group of seeds ------------------------------------------------------------------------------------------------


def test_an_interrupted_group_is_resumed_to_what_it_would_have_been(
    cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(3, lambda state: len(runs_by_seed(tmp_path)) == 2 and press_ctrl_c(1)):
        outcome = cifar(*ONE_EPOCH, "--seeds", "1,0,2")
    group = the_group(tmp_path)
    path = f"logs/{group.name}"
    assert outcome.code == 130
    assert outcome.err.splitlines()[-2:] == [
        f"saved; continue with: cifar train --resume {path}",
        "error: stopped in epoch 1, after step 3",
    ]
    assert outcome.err.count("--resume") == 1
    summary = read_summary(group)
    assert summary["status"] == "interrupted"
    assert [(run["seed"], run["status"]) for run in summary["runs"]] == [
        (1, "completed"),
        (0, "interrupted"),
        (2, "waiting"),
    ]
    assert summary["test"] == {
        "n": 1,
        "mean": summary["runs"][0]["test"]["accuracy"],
        "standard_deviation": None,
        "confidence_95": None,
    }
    first = runs_by_seed(tmp_path)[1] / "summary.json"
    as_it_was = first.read_bytes()

    outcome = cifar("train", "--resume", path, "optimizer.lr=1")
    assert (outcome.code, outcome.err) == (
        2,
        f"error: cifar train --resume {path}: expected no key=value, since all seeds share one configuration, found "
        f"optimizer.lr=1; start another group with: cifar train --config {path}/group.yaml optimizer.lr=1 --seeds N\n",
    )
    outcome = cifar("train", "--resume")  # without a name: the group, and not only the run in progress
    assert outcome.code == 0, outcome.err
    assert f"resuming {path}: seeds 0, 2 of 1, 0, 2" in outcome.err.splitlines()
    after = read_summary(group)
    assert [(run["seed"], run["status"]) for run in after["runs"]] == [(seed, "completed") for seed in (1, 0, 2)]
    assert (after["status"], after["test"]["n"]) == ("completed", 3)
    assert after["wall_seconds"] > summary["wall_seconds"]
    assert first.read_bytes() == as_it_was
    assert cifar(*ONE_EPOCH, "seed=0").code == 0
    (alone,) = (run for run in (tmp_path / "logs").iterdir() if "seed" not in run.name)
    weights = read_checkpoint(runs_by_seed(tmp_path)[0])["model"]
    torch.testing.assert_close(weights, read_checkpoint(alone)["model"], rtol=0, atol=0)


def test_a_second_ctrl_c_in_a_group_ends_with_one_hint_how_to_continue(
    cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(3, lambda state: press_ctrl_c(2)):
        outcome = cifar(*ONE_EPOCH, "--seeds", "2")
    group = the_group(tmp_path)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == (
        "error: stopped at once; the last checkpoint was saved after epoch 0, step 0, and later steps are lost; "
        f"continue with: cifar train --resume logs/{group.name}"
    )
    assert outcome.err.count("--resume") == 1
    assert [run["status"] for run in read_summary(group)["runs"]] == ["interrupted", "waiting"]
    resumed = cifar("train", "--resume", group)
    assert resumed.code == 0, resumed.err
    assert [run["status"] for run in read_summary(group)["runs"]] == ["completed", "completed"]


class SigtermBeforeTheTest(Observer):
    def close(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_during_a_seeds_test_stops_the_group_before_the_next_seed(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "EXTRA_OBSERVERS", [SigtermBeforeTheTest()])
    outcome = cifar(*ONE_EPOCH, "--seeds", "2")
    group = the_group(tmp_path)
    assert outcome.code == 143
    assert outcome.err.splitlines()[-1] == (
        f"error: stopped before seed 1; continue with: cifar train --resume logs/{group.name}"
    )
    summary = read_summary(group)
    assert (summary["status"], [run["status"] for run in summary["runs"]]) == ("interrupted", ["completed", "waiting"])


def test_a_second_ctrl_c_in_a_group_without_a_checkpoint_says_how_to_continue_too(
    cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(3, lambda state: remove_checkpoints_and_stop(tmp_path)):
        outcome = cifar(*ONE_EPOCH, "--seeds", "2")
    path = f"logs/{the_group(tmp_path).name}"
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == (
        f"error: stopped at once, before anything was saved; continue with: cifar train --resume {path}"
    )
    resumed = cifar("train", "--resume", path)
    assert resumed.code == 0, resumed.err

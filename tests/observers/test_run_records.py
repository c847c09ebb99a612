"""metrics.csv and summary.json are true at any moment, also for an interrupted run."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cifar_cli.observers.run_records import RunRecords
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.metrics_csv import read_metrics
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import EpochReport
from cifar_cli.training.state import TrainingState

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from

FACTS = {
    "name": "demo",
    "dataset": "synthetic",
    "model": "tiny",
    "parameters": 188,
    "seed": 0,
    "device": "cpu",
    "precision": "fp32",
}
# The contract's list.
SUMMARY_KEYS = [
    "name",
    "status",
    "dataset",
    "model",
    "parameters",
    "seed",
    "device",
    "precision",
    "epochs",
    "best_epoch",
    "train",
    "val",
    "test",
    "images_per_second",
    "train_seconds",
    "wall_seconds",
    "peak_memory_bytes",
]


def report(epoch: int, *, accuracy: float | None = 0.5, seconds: float = 2.0) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        step=10 * epoch,
        lr=0.1,
        train_loss=1.0 / epoch,
        train_accuracy=0.25 * epoch,
        val_loss=None if accuracy is None else 2.0 / epoch,
        val_accuracy=accuracy,
        images_per_second=100.0 * epoch,
        seconds=seconds,
    )


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


@pytest.fixture
def state(tiny_training: Make) -> TrainingState:
    return tiny_training().state


def end_epoch(records: RunRecords, state: TrainingState, result: EpochReport) -> None:
    """Does with the state what the loop does, and tells the records."""
    state.progress.epoch = result.epoch
    if result.val_accuracy is not None and result.val_accuracy > state.progress.best_val_accuracy:
        state.progress.best_epoch, state.progress.best_val_accuracy = result.epoch, result.val_accuracy
    records.epoch_ended(state, result)


def test_every_epoch_is_a_row_as_soon_as_it_has_ended(run: RunFolder, tiny_training: Make, recorder: Any) -> None:
    training = tiny_training(epochs=3)
    fit(training.state, training.task, runtime=training.runtime, observers=[RunRecords(run, facts=FACTS), recorder])
    assert read_metrics(run.metrics) == [vars(report) for report in recorder.reports]
    assert read_json(run.summary)["epochs"] == 3


def test_before_the_first_epoch_the_run_is_running_and_has_no_figures(run: RunFolder, state: TrainingState) -> None:
    RunRecords(run, facts=FACTS).training_started(state)
    summary = read_json(run.summary)
    assert list(summary) == SUMMARY_KEYS
    assert {key: summary[key] for key in FACTS} == FACTS
    assert (summary["status"], summary["epochs"], summary["train_seconds"]) == ("running", 0, 0)
    empty = ("best_epoch", "train", "val", "test", "images_per_second", "peak_memory_bytes")
    assert [summary[key] for key in empty] == [None] * 6
    assert read_metrics(run.metrics) == []


def test_the_summary_has_the_best_epochs_figures_and_sums_the_times(run: RunFolder, state: TrainingState) -> None:
    records = RunRecords(run, facts=FACTS)
    records.training_started(state)
    for epoch, accuracy, seconds in ((1, 0.5, 2.0), (2, 0.75, 1.0), (3, 0.625, 1.0)):
        end_epoch(records, state, report(epoch, accuracy=accuracy, seconds=seconds))
    test = Evaluation(
        loss=0.5, accuracy=0.7, images=100, confusion=torch.zeros(4, 4, dtype=torch.int64), logits=torch.zeros(100, 4)
    )
    summary = records.write_summary("completed", test=test, peak_memory_bytes=12345)
    assert list(summary) == SUMMARY_KEYS
    assert (summary["status"], summary["epochs"], summary["best_epoch"]) == ("completed", 3, 2)
    assert summary["train"] == {"loss": 0.5, "accuracy": 0.5}
    assert summary["val"] == {"loss": 1.0, "accuracy": 0.75}
    assert summary["test"] == {"loss": 0.5, "accuracy": 0.7}
    # 2 s at 100 images/s, 1 s at 200 and 1 s at 300 are 700 images in 4 s.
    assert (summary["images_per_second"], summary["train_seconds"]) == (700 / 4, 4.0)
    assert summary["peak_memory_bytes"] == 12345
    assert read_json(run.summary) == summary


def test_without_validation_the_summary_has_the_last_epochs_figures(run: RunFolder, state: TrainingState) -> None:
    records = RunRecords(run, facts=FACTS)
    records.training_started(state)
    for epoch in (1, 2):
        end_epoch(records, state, report(epoch, accuracy=None))
    summary = records.write_summary("completed")
    assert (summary["best_epoch"], summary["train"], summary["val"]) == (None, {"loss": 0.5, "accuracy": 0.5}, None)


@pytest.mark.parametrize("status", ["running", "completed", "interrupted", "failed"])
def test_a_run_ends_with_the_status_it_is_given(run: RunFolder, state: TrainingState, status: str) -> None:
    records = RunRecords(run, facts=FACTS)
    records.training_started(state)
    records.write_summary(status)
    assert read_json(run.summary)["status"] == status


def test_a_resumed_run_drops_the_rows_after_its_checkpoint(run: RunFolder, tiny_training: Make) -> None:
    earlier, state = RunRecords(run, facts=FACTS), tiny_training().state
    earlier.training_started(state)
    for epoch in (1, 2, 3):
        end_epoch(earlier, state, report(epoch, accuracy=0.5 + epoch / 8))

    resumed, state = RunRecords(run, facts=FACTS), tiny_training().state
    state.progress.epoch, state.progress.best_epoch, state.progress.best_val_accuracy = 2, 2, 0.75
    resumed.training_started(state)
    assert read_metrics(run.metrics) == [vars(report(epoch, accuracy=0.5 + epoch / 8)) for epoch in (1, 2)]
    assert read_json(run.summary)["best_epoch"] == 2

    again = report(3, accuracy=0.25)
    end_epoch(resumed, state, again)
    assert [row["epoch"] for row in read_metrics(run.metrics)] == [1, 2, 3]
    assert read_metrics(run.metrics)[2] == vars(again)
    assert (read_json(run.summary)["best_epoch"], read_json(run.summary)["epochs"]) == (2, 3)


def test_a_resumed_run_adds_its_time_to_the_time_before(
    run: RunFolder, state: TrainingState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("cifar_cli.observers.run_records.time", SimpleNamespace(perf_counter=lambda: now))
    write_json(run.summary, {"wall_seconds": 1000.0})
    records = RunRecords(run, facts=FACTS)
    records.training_started(state)
    now = 7.0
    records.write_summary("running")
    assert read_json(run.summary)["wall_seconds"] == 1007.0


def test_the_wall_time_counts_from_the_start_of_the_command(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cifar_cli.observers.run_records.time", SimpleNamespace(perf_counter=lambda: 500.0))
    assert RunRecords(run, facts=FACTS, started_at=20.0).write_summary("running")["wall_seconds"] == 480.0


def test_the_seconds_of_first_steps_that_warm_up_are_summed_over_resumed_runs(
    run: RunFolder, state: TrainingState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("cifar_cli.observers.run_records.time", SimpleNamespace(perf_counter=lambda: now))
    for total in (3.0, 6.0):
        records = RunRecords(run, facts=FACTS, warms_up=True)
        records.training_started(state)
        now += 3.0
        records.step_ended(state)
        now += 0.5
        records.step_ended(state)
        summary = records.write_summary("interrupted")
        assert summary["warm_up_seconds"] == total
    assert summary.keys() - SUMMARY_KEYS == {"warm_up_seconds"}


def test_without_a_warm_up_the_first_step_is_not_timed(run: RunFolder, state: TrainingState) -> None:
    records = RunRecords(run, facts=FACTS)
    records.training_started(state)
    records.step_ended(state)
    assert list(records.write_summary("completed")) == SUMMARY_KEYS

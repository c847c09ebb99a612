"""metrics.csv and summary.json are true at any moment, also for an interrupted run."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cifar_cli.observers.run_records import RunRecords
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.metrics_csv import read_metrics, write_metrics
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import EpochReport
from cifar_cli.training.state import Progress, TrainingState

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


def row_of(report: EpochReport) -> dict[str, Any]:
    """Returns all figures of the report but those of the parameter groups, which metrics.csv has no columns for."""
    return {key: value for key, value in vars(report).items() if key != "group_lrs"}


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


def make_records(run: RunFolder, progress: Progress | None = None, **arguments: Any) -> RunRecords:
    """Returns the records of a run; a warning would be an error."""

    def refuse(text: str) -> None:
        raise AssertionError(text)

    return RunRecords(run, **{"facts": FACTS, "progress": progress or Progress(), "warn": refuse} | arguments)


def end_epoch(records: RunRecords, state: TrainingState, result: EpochReport) -> None:
    """Does with the state what the loop does, and tells the records."""
    state.progress.epoch = result.epoch
    if result.val_accuracy is not None and result.val_accuracy > state.progress.best_val_accuracy:
        state.progress.best_epoch, state.progress.best_val_accuracy = result.epoch, result.val_accuracy
    records.epoch_ended(state, result)


def test_every_epoch_is_a_row_as_soon_as_it_has_ended(run: RunFolder, tiny_training: Make, recorder: Any) -> None:
    training = tiny_training(epochs=3)
    fit(training.state, training.task, runtime=training.runtime, observers=[make_records(run), recorder])
    assert read_metrics(run.metrics) == [row_of(report) for report in recorder.reports]
    assert read_json(run.summary)["epochs"] == 3


def test_before_the_first_epoch_the_run_is_running_and_has_no_figures(run: RunFolder, state: TrainingState) -> None:
    make_records(run).training_started(state)
    summary = read_json(run.summary)
    assert list(summary) == SUMMARY_KEYS
    assert {key: summary[key] for key in FACTS} == FACTS
    assert (summary["status"], summary["epochs"], summary["train_seconds"]) == ("running", 0, 0)
    empty = ("best_epoch", "train", "val", "test", "images_per_second", "peak_memory_bytes")
    assert [summary[key] for key in empty] == [None] * 6
    assert read_metrics(run.metrics) == []


def test_the_summary_has_the_best_epochs_figures_and_sums_the_times(run: RunFolder, state: TrainingState) -> None:
    records = make_records(run)
    records.training_started(state)
    for epoch, accuracy, seconds in ((1, 0.5, 2.0), (2, 0.75, 1.0), (3, 0.625, 1.0)):
        end_epoch(records, state, report(epoch, accuracy=accuracy, seconds=seconds))
    test = Evaluation(
        loss=0.5,
        cross_entropy=0.4,
        accuracy=0.7,
        images=100,
        confusion=torch.zeros(4, 4, dtype=torch.int64),
        logits=torch.zeros(100, 4),
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
    records = make_records(run)
    records.training_started(state)
    for epoch in (1, 2):
        end_epoch(records, state, report(epoch, accuracy=None))
    summary = records.write_summary("completed")
    assert (summary["best_epoch"], summary["train"], summary["val"]) == (None, {"loss": 0.5, "accuracy": 0.5}, None)


@pytest.mark.parametrize("status", ["running", "completed", "interrupted", "failed"])
def test_a_run_ends_with_the_status_it_is_given(run: RunFolder, state: TrainingState, status: str) -> None:
    records = make_records(run)
    records.training_started(state)
    records.write_summary(status)
    assert read_json(run.summary)["status"] == status


def test_a_resumed_run_drops_the_rows_after_its_checkpoint(run: RunFolder, tiny_training: Make) -> None:
    earlier, state = make_records(run), tiny_training().state
    earlier.training_started(state)
    for epoch in (1, 2, 3):
        end_epoch(earlier, state, report(epoch, accuracy=0.5 + epoch / 8))

    state = tiny_training().state
    state.progress = Progress(epoch=2, step=20, best_epoch=2, best_val_accuracy=0.75)
    resumed = make_records(run, state.progress)
    resumed.training_started(state)
    assert read_metrics(run.metrics) == [row_of(report(epoch, accuracy=0.5 + epoch / 8)) for epoch in (1, 2)]
    assert read_json(run.summary)["best_epoch"] == 2

    again = report(3, accuracy=0.25)
    end_epoch(resumed, state, again)
    assert [row["epoch"] for row in read_metrics(run.metrics)] == [1, 2, 3]
    assert read_metrics(run.metrics)[2] == row_of(again)
    assert (read_json(run.summary)["best_epoch"], read_json(run.summary)["epochs"]) == (2, 3)


def test_a_resumed_run_adds_its_time_to_the_time_before(
    run: RunFolder, state: TrainingState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("cifar_cli.observers.run_records.time", SimpleNamespace(perf_counter=lambda: now))
    write_json(run.summary, {"wall_seconds": 1000.0})
    records = make_records(run, Progress(step=1))
    records.training_started(state)
    now = 7.0
    records.write_summary("running")
    assert read_json(run.summary)["wall_seconds"] == 1007.0


def test_the_wall_time_counts_from_the_start_of_the_command(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cifar_cli.observers.run_records.time", SimpleNamespace(perf_counter=lambda: 500.0))
    assert make_records(run, started_at=20.0).write_summary("running")["wall_seconds"] == 480.0


def test_the_seconds_of_first_steps_that_warm_up_are_summed_over_resumed_runs(
    run: RunFolder, state: TrainingState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("cifar_cli.observers.run_records.time", SimpleNamespace(perf_counter=lambda: now))
    for total in (3.0, 6.0):
        records = make_records(run, Progress(step=1 if total > 3 else 0), warms_up=True)
        records.training_started(state)
        now += 3.0
        records.step_ended(state)
        now += 0.5
        records.step_ended(state)
        summary = records.write_summary("interrupted")
        assert summary["warm_up_seconds"] == total
    assert summary.keys() - SUMMARY_KEYS == {"warm_up_seconds"}


def test_the_seconds_of_compiling_are_summed_over_resumed_runs_and_are_no_training(
    run: RunFolder, state: TrainingState
) -> None:
    for total in (2.5, 5.0):
        progress = Progress(step=1 if total > 2.5 else 0)
        summary = make_records(run, progress, compile_seconds=lambda: 2.5).write_summary("interrupted")
        assert summary["compile_seconds"] == total
    assert summary["train_seconds"] == 0
    assert summary.keys() - SUMMARY_KEYS == {"compile_seconds"}


def test_without_a_warm_up_the_first_step_is_not_timed(run: RunFolder, state: TrainingState) -> None:
    records = make_records(run)
    records.training_started(state)
    records.step_ended(state)
    assert list(records.write_summary("completed")) == SUMMARY_KEYS


# --- a resumed run whose files are gone ------------------------------------------------------------------------------


def lose(run: RunFolder, *, epochs: set[int]) -> None:
    """Removes the epochs' rows from metrics.csv; if that leaves none, removes the file."""
    kept = [row for row in read_metrics(run.metrics) if row["epoch"] not in epochs]
    if kept:
        write_metrics(run.metrics, kept)
    else:
        run.metrics.unlink()


@pytest.fixture
def interrupted(run: RunFolder, state: TrainingState) -> Progress:
    """The progress of a run after three epochs, the second of them the best."""
    records = make_records(run)
    records.training_started(state)
    for epoch, accuracy in ((1, 0.5), (2, 0.75), (3, 0.625)):
        end_epoch(records, state, report(epoch, accuracy=accuracy))
    return Progress(epoch=3, step=30, best_epoch=2, best_val_accuracy=0.75)


@pytest.mark.parametrize(
    ("lost", "listed"), [({2}, "epoch 2"), ({1, 2, 3}, "epochs 1, 2, 3")], ids=["the best epoch's row", "every row"]
)
def test_a_resumed_run_whose_best_epochs_row_is_gone_has_its_accuracy_from_the_checkpoint_and_null_for_the_rest(
    run: RunFolder, interrupted: Progress, lost: set[int], listed: str
) -> None:
    lose(run, epochs=lost)
    warnings: list[str] = []
    summary = make_records(run, interrupted, warn=warnings.append).write_summary("running")
    assert (summary["epochs"], summary["best_epoch"]) == (3, 2)
    assert summary["train"] is None
    assert summary["val"] == {"loss": None, "accuracy": 0.75}
    assert summary["train_seconds"] is None
    assert warnings == [
        f"{run.metrics}: expected a row for each of the 3 epochs trained so far, found none for {listed}; these rows "
        "are lost, and train_seconds in summary.json is null; so are the losses of epoch 2 in summary.json"
    ]


def test_a_resumed_run_that_lost_another_row_keeps_the_best_epochs_figures(
    run: RunFolder, interrupted: Progress
) -> None:
    lose(run, epochs={1, 3})
    warnings: list[str] = []
    summary = make_records(run, interrupted, warn=warnings.append).write_summary("running")
    assert (summary["epochs"], summary["best_epoch"], summary["train_seconds"]) == (3, 2, None)
    assert summary["val"] == {"loss": 1.0, "accuracy": 0.75}
    assert warnings == [
        f"{run.metrics}: expected a row for each of the 3 epochs trained so far, found none for epochs 1, 3; these "
        "rows are lost, and train_seconds in summary.json is null"
    ]


def test_without_validation_a_lost_last_row_is_not_replaced_by_the_row_before(
    run: RunFolder, interrupted: Progress
) -> None:
    lose(run, epochs={3})
    without_validation = Progress(epoch=3, step=30)
    summary = make_records(run, without_validation, warn=lambda text: None).write_summary("running")
    assert (summary["epochs"], summary["best_epoch"]) == (3, None)
    assert (summary["train"], summary["val"]) == (None, None)


def test_many_lost_rows_are_not_all_listed(run: RunFolder) -> None:
    write_json(run.summary, {"wall_seconds": 1.0})
    warnings: list[str] = []
    make_records(run, Progress(epoch=300, step=3000), warn=warnings.append)
    assert "found none for epochs 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …; these rows" in warnings[0]


@pytest.mark.parametrize("left", [None, {}, {"wall_seconds": "long"}])
def test_a_resumed_run_without_its_earlier_seconds_has_no_wall_time_and_says_so(
    run: RunFolder, interrupted: Progress, left: dict[str, Any] | None
) -> None:
    if left is None:
        run.summary.unlink()
    else:
        write_json(run.summary, left)
    warnings: list[str] = []
    summary = make_records(run, interrupted, warn=warnings.append).write_summary("running")
    assert summary["wall_seconds"] is None
    assert warnings == [
        f"{run.summary}: expected the seconds of the training so far, found none; wall_seconds stays null, since the "
        "time before this command is not known"
    ]

"""Keeps metrics.csv and summary.json up to date during a training."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cifar_cli import formatting
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.metrics_csv import METRICS_COLUMNS, read_metrics, write_metrics
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import Progress, TrainingState

MOST_EPOCHS_SHOWN = 10


class RunRecords(Observer):
    """Writes a row for each epoch, and a summary.json that is up to date after every epoch.

    facts: the summary's entries that training does not change: name, dataset, model and so on. progress: that of the
    checkpoint, if the run is resumed. The files of a resumed run may be gone: then the summary has null for what only
    they knew, and `warn` says so. started_at: when the command started, on time.perf_counter's clock; by default now.
    stops_early: tells of a progress whether training ended early with it; None where it never does.
    compile_seconds: tells how long kernels were chosen, compiled and captured so far, in steps that do not count as
    training; None where this is not timed apart. warms_up: whether the first step, which counts as training, is timed
    too, because it also chooses or compiles kernels.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        facts: Mapping[str, Any],
        progress: Progress,
        warn: Callable[[str], None],
        started_at: float | None = None,
        compile_seconds: Callable[[], float] | None = None,
        warms_up: bool = False,
        stops_early: Callable[[Progress], bool] | None = None,
    ) -> None:
        self._run = run
        self._facts = dict(facts)
        self._progress = replace(progress)  # a copy: the loop changes its own before the observers are called
        # Epochs after the checkpoint are trained again, so their rows are dropped.
        self._rows = {row["epoch"]: row for row in read_metrics(run.metrics) if 1 <= row["epoch"] <= progress.epoch}
        if missing := sorted(set(range(1, progress.epoch + 1)) - self._rows.keys()):
            warn(_describe_missing_rows(run, missing, progress))
        self._started_at = time.perf_counter() if started_at is None else started_at
        # A resumed run adds its seconds to those before the interruption.
        self._earlier = Earlier.read(run) if progress.step else Earlier()
        if self._earlier.wall_seconds is None:
            warn(
                f"{run.summary}: expected the seconds of the training so far, found none; "
                f"wall_seconds stays null, since the time before this command is not known"
            )
        self._warm_up_seconds = self._earlier.warm_up_seconds
        self._warms_up = warms_up
        self._compile_seconds = compile_seconds
        self._stops_early = stops_early
        self._first_step_started_at: float | None = None

    def training_started(self, state: TrainingState) -> None:
        self._write_metrics()
        self.write_summary("running")
        if self._warms_up:
            self._first_step_started_at = time.perf_counter()

    def step_ended(self, state: TrainingState) -> None:
        if self._first_step_started_at is None:
            return
        state.totals.mean_loss()  # waits for the device, once
        self._warm_up_seconds += time.perf_counter() - self._first_step_started_at
        self._first_step_started_at = None

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        self._rows[report.epoch] = {column: getattr(report, column) for column in METRICS_COLUMNS}
        self._progress = replace(state.progress)
        self._write_metrics()
        self.write_summary("running")

    def write_summary(
        self,
        status: str,
        *,
        test: Evaluation | None = None,
        peak_memory_bytes: int | None = None,
        error: str | None = None,
    ) -> dict[str, Any]:
        """Writes and returns the summary. test: the result on the test set, None before it is measured.

        Some entries: train and val are the results of the best epoch, or of the last epoch if no images are held out.
        They are null where metrics.csv lacks that epoch, except for the validation accuracy, which checkpoints hold.
        test_plain, if test uses test-time augmentation, is the result without it. compile_seconds is no part of
        train_seconds; warm_up_seconds, if the first step is timed too, is one. stopped_early, with train.patience, says
        whether training ended before its last epoch. error is the message of a training that diverged.
        """
        epoch, rows = self._progress.epoch, self._rows.values()
        images = sum(row["images_per_second"] * row["seconds"] for row in rows)
        seconds = sum(row["seconds"] for row in rows)
        summary = {
            "name": self._facts["name"],
            "status": status,
            **{key: value for key, value in self._facts.items() if key != "name"},
            "epochs": epoch,
            **({"stopped_early": self._stops_early(self._progress)} if self._stops_early else {}),
            "best_epoch": self._progress.best_epoch,
            "train": self._train_figures(),
            "val": self._val_figures(),
            "test": _measured(test),
            **({"test_plain": _measured(test.without_tta)} if test and test.without_tta else {}),
            "images_per_second": images / seconds if seconds else None,
            "train_seconds": seconds if len(rows) == epoch else None,
            **self._compile_figures(),
            "wall_seconds": self._wall_seconds(),
            "peak_memory_bytes": peak_memory_bytes,
            **({"error": error} if error else {}),
        }
        write_json(self._run.summary, summary)
        return summary

    def _write_metrics(self) -> None:
        write_metrics(self._run.metrics, [self._rows[epoch] for epoch in sorted(self._rows)])

    def _train_figures(self) -> dict[str, float] | None:
        return _figures(self._rows.get(_chosen_epoch(self._progress)), "train")

    def _val_figures(self) -> dict[str, float | None] | None:
        row, progress = self._rows.get(_chosen_epoch(self._progress)), self._progress
        if row is None and progress.best_epoch is not None:
            return {"loss": None, "accuracy": progress.best_val_accuracy}
        return _figures(row, "val")

    def _compile_figures(self) -> dict[str, float]:
        compiling = self._compile_seconds
        return {
            **({"compile_seconds": self._earlier.compile_seconds + compiling()} if compiling else {}),
            **({"warm_up_seconds": self._warm_up_seconds} if self._warms_up else {}),
        }

    def _wall_seconds(self) -> float | None:
        if self._earlier.wall_seconds is None:
            return None
        return self._earlier.wall_seconds + time.perf_counter() - self._started_at


class Earlier(NamedTuple):
    """The seconds of a run before it was resumed. wall_seconds: None if not known."""

    wall_seconds: float | None = 0.0
    warm_up_seconds: float = 0.0
    compile_seconds: float = 0.0

    @classmethod
    def read(cls, run: RunFolder) -> "Earlier":
        """Returns the seconds in the run's summary.json."""
        summary = read_json(run.summary)
        return cls(
            wall_seconds=_seconds(summary, "wall_seconds"),
            warm_up_seconds=_seconds(summary, "warm_up_seconds") or 0.0,
            compile_seconds=_seconds(summary, "compile_seconds") or 0.0,
        )


def _seconds(summary: Mapping[str, Any], key: str) -> float | None:
    value = summary.get(key)
    return float(value) if isinstance(value, int | float) else None


def _chosen_epoch(progress: Progress) -> int:
    """Returns the epoch that the summary is about."""
    return progress.epoch if progress.best_epoch is None else progress.best_epoch


def _describe_missing_rows(run: RunFolder, missing: Sequence[int], progress: Progress) -> str:
    listed = ", ".join(map(str, missing[:MOST_EPOCHS_SHOWN])) + (", …" if len(missing) > MOST_EPOCHS_SHOWN else "")
    lost = f"{'epoch' if len(missing) == 1 else 'epochs'} {listed}"
    chosen, trained = _chosen_epoch(progress), formatting.count(progress.epoch, "epoch")
    figures = f"; so are the losses of epoch {chosen} in summary.json" if chosen in missing else ""
    return (
        f"{run.metrics}: expected a row for each of the {trained} trained so far, found none for {lost}; "
        f"these rows are lost, and train_seconds in summary.json is null{figures}"
    )


def _measured(test: Evaluation | None) -> dict[str, float] | None:
    return {"loss": test.loss, "accuracy": test.accuracy} if test else None


def _figures(row: Mapping[str, Any] | None, split: str) -> dict[str, Any] | None:
    if row is None or row[f"{split}_loss"] is None:
        return None
    return {"loss": row[f"{split}_loss"], "accuracy": row[f"{split}_accuracy"]}

"""Keeps metrics.csv and summary.json up to date during a training."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.metrics_csv import read_metrics, write_metrics
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class RunRecords(Observer):
    """Writes a row for each epoch, and a summary.json that is up to date after every epoch.

    facts: the summary's entries that training does not change: name, dataset, model and so on. started_at: when the
    command started, on time.perf_counter's clock; by default now. warms_up: whether the first step is timed separately,
    because it also chooses or compiles kernels.
    """

    def __init__(
        self, run: RunFolder, *, facts: Mapping[str, Any], started_at: float | None = None, warms_up: bool = False
    ) -> None:
        self._run = run
        self._facts = dict(facts)
        self._rows: list[Mapping[str, Any]] = list(read_metrics(run.metrics))
        self._best_epoch: int | None = None
        self._started_at = time.perf_counter() if started_at is None else started_at
        # A resumed run adds its seconds to those before the interruption.
        earlier = read_json(run.summary)
        self._earlier_seconds = float(earlier.get("wall_seconds") or 0.0)
        self._warm_up_seconds = float(earlier.get("warm_up_seconds") or 0.0)
        self._warms_up = warms_up
        self._first_step_started_at: float | None = None

    def training_started(self, state: TrainingState) -> None:
        # Epochs after the checkpoint are trained again, so their rows are dropped.
        self._rows = [row for row in self._rows if row["epoch"] <= state.progress.epoch]
        self._best_epoch = state.progress.best_epoch
        write_metrics(self._run.metrics, self._rows)
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
        self._rows.append(asdict(report))
        self._best_epoch = state.progress.best_epoch
        write_metrics(self._run.metrics, self._rows)
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
        test_plain, if test uses test-time augmentation, is the result without it. warm_up_seconds, if the first step is
        timed separately, is a part of train_seconds. error is the message of a training that diverged.
        """
        chosen = self._chosen_row()
        images = sum(row["images_per_second"] * row["seconds"] for row in self._rows)
        seconds = sum(row["seconds"] for row in self._rows)
        summary = {
            "name": self._facts["name"],
            "status": status,
            **{key: value for key, value in self._facts.items() if key != "name"},
            "epochs": len(self._rows),
            "best_epoch": self._best_epoch,
            "train": _figures(chosen, "train"),
            "val": _figures(chosen, "val"),
            "test": _measured(test),
            **({"test_plain": _measured(test.without_tta)} if test and test.without_tta else {}),
            "images_per_second": images / seconds if seconds else None,
            "train_seconds": seconds,
            **({"warm_up_seconds": self._warm_up_seconds} if self._warms_up else {}),
            "wall_seconds": self._earlier_seconds + time.perf_counter() - self._started_at,
            "peak_memory_bytes": peak_memory_bytes,
            **({"error": error} if error else {}),
        }
        write_json(self._run.summary, summary)
        return summary

    def _chosen_row(self) -> Mapping[str, Any] | None:
        for row in self._rows:
            if row["epoch"] == self._best_epoch:
                return row
        return self._rows[-1] if self._rows else None


def _measured(test: Evaluation | None) -> dict[str, float] | None:
    return {"loss": test.loss, "accuracy": test.accuracy} if test else None


def _figures(row: Mapping[str, Any] | None, split: str) -> dict[str, float] | None:
    if row is None or row[f"{split}_loss"] is None:
        return None
    return {"loss": row[f"{split}_loss"], "accuracy": row[f"{split}_accuracy"]}

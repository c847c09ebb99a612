"""Saves checkpoints during a training: last.pt at intervals, best.pt when validation accuracy is the best so far."""

import time

from cifar_cli.runs.checkpoint import save_checkpoint
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class CheckpointWriter(Observer):
    """Writes the training state and the configuration (YAML text) to last.pt and best.pt.

    last.pt is written before the first step, at the end of each epoch, when a signal stops the training, and within an
    epoch whenever `every_seconds` have passed since the last write (0: never within an epoch).
    """

    def __init__(self, run: RunFolder, *, config: str, every_seconds: float) -> None:
        self._run = run
        self._config = config
        self._every_seconds = every_seconds
        self._saved_at = 0.0

    def training_started(self, state: TrainingState) -> None:
        self._saved_at = time.monotonic()
        if state.progress.step == 0:  # so that there is always a checkpoint to resume from
            self._save_last(state)

    def step_ended(self, state: TrainingState) -> None:
        if self._every_seconds and time.monotonic() - self._saved_at >= self._every_seconds:
            self._save_last(state)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        # last.pt first: if the process is killed in between, the best epoch's weights are in last.pt. The other way
        # round, best.pt would hold an epoch that the resumed training does not know.
        self._save_last(state)
        if state.progress.best_epoch == report.epoch:
            save_checkpoint(self._run.best_checkpoint, self._contents(state))

    def training_stopped(self, state: TrainingState) -> None:
        self._save_last(state)

    def _save_last(self, state: TrainingState) -> None:
        save_checkpoint(self._run.last_checkpoint, self._contents(state), previous=self._run.previous_checkpoint)
        self._saved_at = time.monotonic()

    def _contents(self, state: TrainingState) -> dict[str, object]:
        return {"config": self._config, **state.state_dict()}

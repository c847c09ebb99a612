"""Saves checkpoints while a training goes on: last.pt after each epoch, best.pt when validation was never better."""

from cifar_cli.runs.checkpoint import save_checkpoint
from cifar_cli.runs.folder import RunFolder
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class Checkpoints(Observer):
    """Writes the whole state, and the configuration (YAML text) that makes sense of it."""

    def __init__(self, run: RunFolder, *, config: str) -> None:
        self._run = run
        self._config = config

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        contents = self._contents(state)
        if state.progress.best_epoch == report.epoch:
            save_checkpoint(self._run.best_checkpoint, contents)
        save_checkpoint(self._run.last_checkpoint, contents)

    def training_stopped(self, state: TrainingState) -> None:
        save_checkpoint(self._run.last_checkpoint, self._contents(state))

    def _contents(self, state: TrainingState) -> dict[str, object]:
        return {"config": self._config, **state.state_dict()}

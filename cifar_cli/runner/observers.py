"""Builds a run's observers: what the console shows of a training, and what its folder records."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from cifar_cli import config
from cifar_cli.builders.build_training import Training
from cifar_cli.builders.build_transforms import STATISTICS_IMAGES, build_preprocessing, sample_images
from cifar_cli.builders.trust_model import words_for_own_model
from cifar_cli.config import Experiment
from cifar_cli.console.streams import warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.observers.checkpoint_writer import CheckpointWriter
from cifar_cli.observers.event_file import EventFile
from cifar_cli.observers.feature_recorder import FeatureRecorder
from cifar_cli.observers.health_checks import HealthChecks
from cifar_cli.observers.histograms import Histograms
from cifar_cli.observers.layer_statistics import LayerStatistics
from cifar_cli.observers.mistake_images import MistakeImages
from cifar_cli.observers.optional_observers import OptionalObservers
from cifar_cli.observers.progress_bar import ProgressBar
from cifar_cli.observers.run_records import RunRecords
from cifar_cli.observers.tensorboard import TensorBoard
from cifar_cli.optim.losses import Loss
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.shell import shell_command
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import Progress

# A Python program that imports this module can append observers of its own: every training of the process calls them,
# before the records and the checkpoint of the same step are written.
EXTRA_OBSERVERS: list[Observer] = []


@dataclass(frozen=True)
class TrainingRun:
    """A training and the folder that it writes to.

    group: the folder of the run's group of seeds, if there is one. is_tested: whether the test set is read at the end;
    not for a trial of a sweep, which validation images alone judge.
    """

    folder: RunFolder
    experiment: Experiment
    splits: Splits
    training: Training
    group: Path | None = None
    is_tested: bool = True

    @property
    def resume_command(self) -> str:
        """The command that resumes the run, or its whole group."""
        own_words = words_for_own_model(self.experiment.model)
        return shell_command("cifar", "train", "--resume", self.group or self.folder.path, *own_words)

    @property
    def facts(self) -> dict[str, Any]:
        """The summary's entries that training does not change."""
        return {
            "name": self.experiment.name,
            "dataset": self.experiment.data.name,
            "model": self.experiment.model.label,
            "parameters": sum(parameter.numel() for parameter in self.training.state.model.parameters()),
            "seed": self.experiment.seed,
            "device": str(self.training.runtime.device),
            "precision": self.training.runtime.precision,
        }

    @property
    def stops_early(self) -> Callable[[Progress], bool] | None:
        """Tells of a progress whether training ended early with it; None without train.patience."""
        keys = self.experiment.train
        if keys.patience is None:
            return None
        return partial(Progress.stopped_early, epochs=keys.epochs, patience=keys.patience)

    @property
    def compile_seconds(self) -> Callable[[], float] | None:
        """Tells how long kernels were chosen, compiled and captured so far; None where this is not timed apart."""
        cache = self.training.task.graph_cache
        return (lambda: cache.compile_seconds) if cache else None

    @property
    def warms_up(self) -> bool:
        """Whether the first step, which counts as training, also chooses or compiles kernels, and takes far longer."""
        is_slow = self.experiment.train.compile or self.training.runtime.device.type != "cpu"
        return is_slow and self.compile_seconds is None


def build_observers(run: TrainingRun, records: RunRecords, console: Console) -> list[Observer]:
    """Returns the run's observers in the order in which the loop calls them."""
    experiment, splits, training, log = run.experiment, run.splits, run.training, run.experiment.log
    text, epochs = config.dump(experiment), experiment.train.epochs
    preprocess = build_preprocessing(experiment, splits, training.runtime)
    num_classes = len(splits.train.class_names)
    events = EventFile(run.folder)
    tensorboard = TensorBoard(
        events,
        config=text,
        images=sample_images(splits).images,
        preprocess=preprocess,
        feature_layers=log.feature_layers,
        images_every=log.images_every,
        epochs=epochs,
        warn=warn,
    )
    recorder = FeatureRecorder(
        run.folder,
        image=sample_images(splits, 1).images,
        preprocess=preprocess,
        layers=log.feature_layers,
        every=log.images_every,
        epochs=epochs,
    )
    return [
        ProgressBar(console, epochs=epochs, steps=sum(training.epoch_steps)),
        OptionalObservers("TensorBoard", [events, tensorboard, *_diagnostics(run, events)], warn=warn),
        OptionalObservers("the recorded layers", [recorder], warn=warn),
        HealthChecks(
            images=sample_images(splits, STATISTICS_IMAGES).images,
            preprocess=preprocess,
            num_classes=num_classes,
            guessing_loss=_guessing_loss(training.task.loss, num_classes=num_classes, device=training.runtime.device),
            steps=sum(training.epoch_steps),
            lists_layers=experiment.model.listed_layers is not None,
            warn=warn,
        ),
        *EXTRA_OBSERVERS,
        records,
        # Last: a checkpoint says that everything before it has been written.
        CheckpointWriter(run.folder, config=text, every_seconds=experiment.train.checkpoint_seconds),
    ]


def _guessing_loss(loss: Loss, *, num_classes: int, device: torch.device) -> float:
    """Returns the loss of equal scores for all classes, over one image of each class."""
    labels = torch.arange(num_classes, device=device)
    return loss(torch.zeros(num_classes, num_classes, device=device), labels).item()


def _diagnostics(run: TrainingRun, events: EventFile) -> list[Observer]:
    """Returns the optional observers that show in TensorBoard how the network learns, or why it does not."""
    log, splits = run.experiment.log, run.splits
    images = sample_images(splits, STATISTICS_IMAGES).images
    preprocess = build_preprocessing(run.experiment, splits, run.training.runtime)
    diagnostics: list[Observer] = []
    if log.statistics_every:
        diagnostics.append(LayerStatistics(events, images=images, preprocess=preprocess, every=log.statistics_every))
    if log.histograms_every:
        diagnostics.append(Histograms(events, images=images, preprocess=preprocess, every=log.histograms_every))
    if log.mistakes and splits.val:
        epochs = run.experiment.train.epochs
        diagnostics.append(MistakeImages(events, val=splits.val, count=log.mistakes, epochs=epochs))
    return diagnostics

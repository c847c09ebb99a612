"""A training in its run folder, and all that observes it there."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from cifar_cli import config
from cifar_cli.builders.build_training import Training
from cifar_cli.builders.build_transforms import STATISTICS_IMAGES, build_preprocessing, sample_images
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
from cifar_cli.observers.progress_bar import ProgressBar
from cifar_cli.observers.run_records import RunRecords
from cifar_cli.observers.tensorboard import TensorBoard
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.observer import Observer


@dataclass(frozen=True)
class TrainingRun:
    """A training, and the folder it writes to."""

    run: RunFolder
    experiment: Experiment
    splits: Splits
    training: Training

    @property
    def facts(self) -> dict[str, Any]:
        """What the summary says of the run that training does not change."""
        return {
            "name": self.experiment.name,
            "dataset": self.experiment.data.name,
            "model": self.experiment.model.name,
            "parameters": sum(parameter.numel() for parameter in self.training.state.model.parameters()),
            "seed": self.experiment.seed,
            "device": str(self.training.runtime.device),
            "precision": self.training.runtime.precision,
        }

    @property
    def warms_up(self) -> bool:
        """Whether the first step chooses or compiles kernels, and takes far longer than those that follow."""
        return self.experiment.train.compile or self.training.runtime.device.type != "cpu"


def build_observers(job: TrainingRun, records: RunRecords, console: Console) -> list[Observer]:
    """Returns all that observes a training: what the console shows, and what goes into the run's folder."""
    experiment, training = job.experiment, job.training
    text = config.dump(experiment)
    events = EventFile(job.run)
    return [
        ProgressBar(console, epochs=experiment.train.epochs, steps=sum(training.epoch_steps)),
        events,
        TensorBoard(
            events,
            config=text,
            images=sample_images(job.splits).images,
            prepare=build_preprocessing(experiment, job.splits, training.runtime),
            feature_layers=experiment.log.feature_layers,
            images_every=experiment.log.images_every,
            epochs=experiment.train.epochs,
        ),
        FeatureRecorder(
            job.run,
            image=sample_images(job.splits, 1).images,
            prepare=build_preprocessing(experiment, job.splits, training.runtime),
            layers=experiment.log.feature_layers,
            every=experiment.log.images_every,
            epochs=experiment.train.epochs,
        ),
        *_diagnostics(job, events),
        records,
        # Last: a checkpoint says that everything before it has been written.
        CheckpointWriter(job.run, config=text, every_seconds=experiment.train.checkpoint_seconds),
    ]


def _diagnostics(job: TrainingRun, events: EventFile) -> list[Observer]:
    """Returns what shows how the network learns, or says why it does not; most of it can be turned off."""
    log, epochs, splits = job.experiment.log, job.experiment.train.epochs, job.splits
    images = sample_images(splits, STATISTICS_IMAGES).images
    prepare = build_preprocessing(job.experiment, splits, job.training.runtime)
    teachers: list[Observer] = [
        HealthChecks(images=images, prepare=prepare, num_classes=len(splits.train.class_names), tell=warn)
    ]
    if log.statistics_every:
        teachers.append(LayerStatistics(events, images=images, prepare=prepare, every=log.statistics_every))
    if log.histograms_every:
        teachers.append(Histograms(events, images=images, prepare=prepare, every=log.histograms_every))
    if log.mistakes and splits.val:
        teachers.append(MistakeImages(events, val=splits.val, count=log.mistakes, epochs=epochs))
    return teachers

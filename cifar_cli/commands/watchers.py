"""A training in its run folder, and all that observes it there."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from cifar_cli import config
from cifar_cli.commands import parts
from cifar_cli.commands.terminal import warn
from cifar_cli.config import Experiment
from cifar_cli.data.sources import Splits
from cifar_cli.observers.alarms import Alarms
from cifar_cli.observers.checkpoints import Checkpoints
from cifar_cli.observers.console import ConsoleProgress
from cifar_cli.observers.events import EventFile
from cifar_cli.observers.histograms import Histograms
from cifar_cli.observers.mistakes import Mistakes
from cifar_cli.observers.records import Records
from cifar_cli.observers.statistics import Statistics
from cifar_cli.observers.tensorboard import TensorBoard
from cifar_cli.runs.folder import RunFolder
from cifar_cli.training.observer import Observer


@dataclass(frozen=True)
class TrainingRun:
    """A training, and the folder it writes to."""

    run: RunFolder
    experiment: Experiment
    splits: Splits
    training: parts.Training

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


def watchers(job: TrainingRun, records: Records, console: Console) -> list[Observer]:
    """Returns all that observes a training: what the console shows, and what goes into the run's folder."""
    experiment, training = job.experiment, job.training
    text = config.dump(experiment)
    events = EventFile(job.run)
    return [
        ConsoleProgress(console, epochs=experiment.train.epochs, steps=sum(training.epoch_steps)),
        events,
        TensorBoard(
            events,
            config=text,
            images=parts.pictured(job.splits).images,
            prepare=parts.preparation(experiment, job.splits, training.runtime),
            feature_layers=experiment.log.feature_layers,
            images_every=experiment.log.images_every,
            epochs=experiment.train.epochs,
        ),
        *_teachers(job, events),
        records,
        # Last: a checkpoint says that everything before it has been written.
        Checkpoints(job.run, config=text, every_seconds=experiment.train.checkpoint_seconds),
    ]


def _teachers(job: TrainingRun, events: EventFile) -> list[Observer]:
    """Returns what shows how the network learns, or says why it does not; most of it can be turned off."""
    log, epochs, splits = job.experiment.log, job.experiment.train.epochs, job.splits
    images = parts.pictured(splits, parts.MEASURED_IMAGES).images
    prepare = parts.preparation(job.experiment, splits, job.training.runtime)
    teachers: list[Observer] = [
        Alarms(images=images, prepare=prepare, num_classes=len(splits.train.class_names), tell=warn)
    ]
    if log.statistics_every:
        teachers.append(Statistics(events, images=images, prepare=prepare, every=log.statistics_every))
    if log.histograms_every:
        teachers.append(Histograms(events, images=images, prepare=prepare, every=log.histograms_every))
    if log.mistakes and splits.val:
        teachers.append(Mistakes(events, val=splits.val, count=log.mistakes, epochs=epochs))
    return teachers

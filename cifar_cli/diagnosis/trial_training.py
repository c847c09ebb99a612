"""Trains a small network for some seconds on drawn images, on the device and in the precision that `auto` chooses."""

import math
import time
from dataclasses import dataclass

from cifar_cli import config
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.data.batch import Batch
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.training.train_step import train_step

STEPS_BETWEEN_LOOKS = 5  # reading the loss waits for the device
MIN_STEPS = 10  # before a first fall of the loss is certain, however slow the machine is


@dataclass(frozen=True)
class Trial:
    """The steps that were taken. images_per_second: of all steps but the first, which warms the device up."""

    device: str
    precision: str
    steps: int
    first_loss: float
    last_loss: float
    images_per_second: float

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.first_loss) and math.isfinite(self.last_loss)


def try_training(*, seconds: float) -> Trial:
    """Takes steps on one batch until the time is over: on the same images a loss falls if anything works."""
    experiment = config.load(
        "quickstart", ["data.name=synthetic", "data.val_size=0", "data.augment={}", "schedule={name: constant}"]
    )
    train, test = synthetic_sets(train_size=experiment.data.batch_size, test_size=10)
    facts = DATASETS["synthetic"]
    runtime = build_runtime(experiment)
    training = build_training(experiment, Splits(train, None, test, facts.mean, facts.std, root=None), runtime)
    state, task = training.state, training.task
    state.model.train()
    batch = task.transform(next(iter(task.loader)), state.augment_generator)
    first_loss = last_loss = _take_steps(1, training, batch)
    steps, started_at = 0, time.perf_counter()
    while math.isfinite(last_loss) and (steps < MIN_STEPS or time.perf_counter() - started_at < seconds):
        last_loss = _take_steps(STEPS_BETWEEN_LOOKS, training, batch)
        steps += STEPS_BETWEEN_LOOKS
    elapsed_seconds = time.perf_counter() - started_at
    return Trial(
        device=runtime.device_name,
        precision=runtime.precision,
        steps=1 + steps,
        first_loss=first_loss,
        last_loss=last_loss,
        images_per_second=steps * len(batch) / elapsed_seconds,
    )


def _take_steps(steps: int, training: Training, batch: Batch) -> float:
    """Returns the loss of the last of the steps; waits for the device."""
    for _ in range(steps):
        loss, _ = train_step(training.state, training.task, training.runtime, batch.images, batch.targets)
    return loss.item()

"""Builds what a benchmark measures from an experiment: every step the same work, images of the right shape."""

import os

from cifar_cli.benchmark.run_benchmark import BenchmarkSubject
from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.config import Experiment
from cifar_cli.config.schema import on_dataset
from cifar_cli.console.streams import note, warn
from cifar_cli.data.datasets.open_dataset import Splits, open_dataset
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.download.checksums import MissingFileError
from cifar_cli.errors import DataError

BUSY_LOAD = 0.7  # programs that wanted a core, on average over the last minute, before this one began
STAND_IN = "synthetic"
STAND_IN_VAL_SIZE = 1000  # of its 10,000


def build_subject(experiment: Experiment, *, against: str) -> BenchmarkSubject:
    """Returns the training to time, and says what it is. against: the reference's name.

    Nothing is downloaded: where the images are missing, synthetic ones of the same shape stand in.
    """
    experiment = _with_equal_steps(experiment)
    images_per_epoch = experiment.data.train_images - experiment.data.val_size
    _warn_of_others()
    runtime = build_runtime(experiment)
    experiment, splits = _open_images(experiment)
    training = build_training(experiment, splits, runtime)
    subject = BenchmarkSubject(experiment, splits, training, images_per_epoch, against)
    note(
        f"{experiment.name}: {experiment.model.name} with {subject.parameters:,} parameters, "
        f"batch {experiment.data.batch_size}, on {runtime.device_name}, {runtime.precision}"
    )
    return subject


def _warn_of_others() -> None:
    """Warns where other programs keep the machine busy: they slow one loop more than another, round after round."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # Windows has none
    if load > BUSY_LOAD:
        warn(
            f"this machine was busy in the last minute (load average {load:.1f}), which makes figures that say little; "
            f"try again when nothing else runs"
        )


def _with_equal_steps(experiment: Experiment) -> Experiment:
    """Returns the experiment with every step the same work: no smaller batch at an epoch's end, no smaller pictures.

    And with every epoch the same steps: those of all images.
    """
    data = experiment.data
    if data.augment["sizes"]:
        note("every step is timed at the images' full size; epochs of smaller pictures take less")
    if data.hard_example_fractions:
        note("an epoch's time is that of all images; epochs of the hardest ones take less")
    augment = data.augment.without("sizes")
    equal = data.model_copy(update={"drop_last": True, "hard_example_fractions": (), "augment": augment})
    return experiment.model_copy(update={"data": equal})


def _open_images(experiment: Experiment) -> tuple[Experiment, Splits]:
    """Returns the experiment with the images that are here already; where there are none, drawn ones of that shape.

    How long a step takes does not depend on what the pictures show. Nothing is downloaded. Raises DataError where the
    drawn ones have another shape.
    """
    data = experiment.data
    try:
        return experiment, open_dataset(data.name, root=data.root, val_size=data.val_size, download=False)
    except MissingFileError as error:
        if data.image_shape != DATASETS[STAND_IN].image_shape:
            raise DataError(f"{error}\nfetch them first: cifar data fetch {data.name}") from None
    warn(
        f"{data.name} is not here: timed on SYNTHETIC images of the same shape, which takes as long; "
        f"`cifar data fetch {data.name}` gets the real ones"
    )
    val_size = STAND_IN_VAL_SIZE if data.val_size else 0
    stand_in = on_dataset(data, STAND_IN, val_size=val_size)
    return experiment.model_copy(update={"data": stand_in}), open_dataset(STAND_IN, val_size=val_size)

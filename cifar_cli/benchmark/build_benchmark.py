"""Builds a benchmark from an experiment: every step does the same work, on images of the configured shape."""

import os

from cifar_cli import formatting
from cifar_cli.benchmark.run_benchmark import Benchmark
from cifar_cli.benchmark.table import REFERENCES
from cifar_cli.benchmark.tutorial_transforms import without_counterpart
from cifar_cli.builders.build_training import build_runtime, build_training, is_native_wanted
from cifar_cli.config import Experiment
from cifar_cli.config.schema import on_dataset
from cifar_cli.console.streams import note, warn
from cifar_cli.data.datasets.open_dataset import Splits, open_dataset
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.download.checksums import MissingFileError
from cifar_cli.errors import DataError
from cifar_cli.kernels.native_library import native_library

BUSY_LOAD = 0.7  # average number of programs that needed a core, over the minute before
FALLBACK = "synthetic"
FALLBACK_VAL_SIZE = 1000  # of 10,000 images


def build_benchmark(experiment: Experiment, *, against: str) -> Benchmark:
    """Returns the benchmark of a training, and prints a note about it. against: the name of the reference.

    Nothing is downloaded: synthetic images of the same shape replace missing ones.
    """
    experiment = _with_equal_steps(experiment)
    images_per_epoch = experiment.data.train_images - experiment.data.val_size
    _warn_of_left_out(experiment, against)
    runtime = build_runtime(experiment)
    experiment, splits = _open_images(experiment)
    training = build_training(experiment, splits, runtime)
    benchmark = Benchmark(experiment, splits, training, images_per_epoch, against)
    note(
        f"{experiment.name}: {experiment.model.label} with {formatting.count(benchmark.parameters, 'parameter')}, "
        f"batch {experiment.data.batch_size}, on {runtime.device_name}, {runtime.precision}"
    )
    if is_native_wanted(experiment, runtime.device):
        native = native_library()
        note(f"native kernels: {native.words if native.library else f'none: {native.words}; torch computes'}")
    return benchmark


def warn_if_busy() -> None:
    """Warns if other programs keep the machine busy: they may slow one loop more than another in every round."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # Windows has no load average
    if load > BUSY_LOAD:
        warn(
            f"this machine was busy in the last minute (load average {load:.1f}), so that the figures may be wrong; "
            f"try again while nothing else runs"
        )


def _warn_of_left_out(experiment: Experiment, against: str) -> None:
    """Warns of augmentations that the reference leaves out."""
    reference = REFERENCES[against]
    left_out = without_counterpart(experiment.data.augment.applied()) if reference.takes_single_images else []
    if left_out:
        warn(
            f"{reference.title} leaves out {' and '.join(left_out)}, for which torchvision has no transform of single "
            f"images: it does less than the training, which is faster in comparison than the figures say"
        )


def _with_equal_steps(experiment: Experiment) -> Experiment:
    """Returns the experiment with the same work in every step: no smaller last batch, no smaller images.

    Every epoch has the steps of all images.
    """
    data = experiment.data
    resizing = [key for key, (entry, value) in data.augment.applied().items() if entry.new_sides(value)]
    if resizing:
        note("every step is timed at the full size of the images; epochs of smaller images take less time")
    if data.hard_example_fractions:
        note("every epoch is timed with all images; epochs of hard examples take less time")
    if experiment.train.computes_parts_of(data.batch_size):
        note("the bare loop and the tutorials' compute each batch whole, not in parts of train.micro_batch_size")
    if experiment.sharpness.passes > 1:
        note(f"the bare loop and the tutorials' take one pass a step, without sharpness {experiment.sharpness.name}")
    augment = data.augment.without(*resizing)
    equal = data.model_copy(update={"drop_last": True, "hard_example_fractions": (), "augment": augment})
    return experiment.model_copy(update={"data": equal})


def _open_images(experiment: Experiment) -> tuple[Experiment, Splits]:
    """Returns the experiment with its images, or with synthetic images of the same shape if the images are missing.

    The content of the images does not affect the time of a step. Nothing is downloaded. Raises DataError if synthetic
    images have another shape.
    """
    data = experiment.data
    try:
        return experiment, open_dataset(
            data.name, root=data.root, val_size=data.val_size, download=False, own_keys=data.own_keys
        )
    except MissingFileError as error:
        if data.image_shape != DATASETS[FALLBACK].image_shape:
            raise DataError(f"{error}\nfetch them first: cifar data fetch {data.name}") from None
    warn(
        f"{data.name} is not here: SYNTHETIC images of the same shape replace it, which take the same time; "
        f"`cifar data fetch {data.name}` gets the real ones"
    )
    val_size = FALLBACK_VAL_SIZE if data.val_size else 0
    synthetic = on_dataset(data, FALLBACK, val_size=val_size)
    return experiment.model_copy(update={"data": synthetic}), open_dataset(FALLBACK, val_size=val_size)

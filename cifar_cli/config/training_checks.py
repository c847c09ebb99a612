"""Checks the keys of an experiment that say how it is trained against each other and against its images."""

from collections.abc import Iterator

from cifar_cli import formatting
from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.source_locations import Issue, KeyPath

LEAST_WEIGHT, LARGEST_WEIGHT = 1e-30, 1e30  # float32 ends at 1e-38 and 3e38; a loss is below 1e3, images below 1e5


def training_issues(experiment: Experiment) -> Iterator[tuple[Issue, KeyPath]]:
    """Yields the issues of such keys, each with the other key that it depends on."""
    yield from _patience_without_validation(experiment)
    yield from _unfit_class_weights(experiment)


def training_warnings(experiment: Experiment) -> Iterator[str]:
    """Yields sentences about such keys that are valid, but probably mistakes."""
    train, batch_size = experiment.train, experiment.data.batch_size
    if train.micro_batch_size is not None and not train.computes_parts_of(batch_size):
        yield (
            f"train.micro_batch_size: {train.micro_batch_size} images are not fewer than data.batch_size, "
            f"{batch_size}: every batch is computed whole"
        )
    patience, epochs = train.patience, train.epochs
    if patience is not None and patience >= epochs - 1:
        yield (
            f"train.patience: {formatting.count(patience, 'epoch')} without improvement cannot pass before the end of "
            f"a training of {formatting.count(epochs, 'epoch')}: it never ends early"
        )


def _patience_without_validation(experiment: Experiment) -> Iterator[tuple[Issue, KeyPath]]:
    if experiment.train.patience is not None and experiment.data.val_size == 0:
        finding = "expected images held out for validation, which it waits on, found data.val_size 0"
        mend = "write null, or hold out some images: data.val_size=5000"
        yield Issue(("train", "patience"), finding, mend, word="train.patience=null"), ("data", "val_size")


def _unfit_class_weights(experiment: Experiment) -> Iterator[tuple[Issue, KeyPath]]:
    weights, data = experiment.loss.class_weights, experiment.data
    if not isinstance(weights, tuple) or not data.train_images:  # nothing is known of images that were not found
        return
    path: KeyPath = ("loss", "class_weights")
    if len(weights) != data.num_classes:
        finding = f"expected a weight for each of the {data.num_classes} classes of {data.name}, found {len(weights)}"
        yield Issue(path, finding, "write them all, or balanced", word="loss.class_weights=balanced"), ("data", "name")
    elif not any(weights):
        finding = "expected a weight above 0 for some class, found 0 for all"
        yield Issue(path, finding, "write null for none", word="loss.class_weights=null"), path
    elif beyond := [weight for weight in weights if weight and not LEAST_WEIGHT <= weight <= LARGEST_WEIGHT]:
        finding = (
            f"expected weights of 0 or from {LEAST_WEIGHT:g} to {LARGEST_WEIGHT:g}, which float32 can add up over all "
            f"images, found {beyond[0]:g}"
        )
        yield Issue(path, finding, "divide all by the same number: only their ratios count"), path

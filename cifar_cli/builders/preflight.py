"""Checks, before any data is needed, that an experiment can be trained: its class scores, layer names and batches."""

from collections.abc import Callable

import torch

from cifar_cli import config
from cifar_cli.builders.build_model import build_meta_model, build_model
from cifar_cli.builders.check_own_model import check_own_class_scores, check_own_training
from cifar_cli.builders.feature_layers import check_feature_layers
from cifar_cli.builders.init_weights import check_init_layers
from cifar_cli.config import Experiment
from cifar_cli.console.streams import warn
from cifar_cli.data.data_root import data_root, has_own_images
from cifar_cli.errors import UsageError
from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.optim.select_parameters import freeze
from cifar_cli.shell import expand_path


def preflight(experiment: Experiment, *, warn: Callable[[str], object] = warn) -> None:
    """Raises UsageError if the experiment cannot be trained; warns of likely mistakes. Needs no images."""
    if experiment.model.is_own:
        check_own_training(experiment)
    else:
        check_class_scores(experiment)
    expand_path(experiment.log.dir, place="log.dir")
    _check_names(experiment)
    for text in config.warnings(experiment):
        warn(text)
    data = experiment.data
    if data.root and data.name not in ("folder", "synthetic") and has_own_images(data_root(data.root)):
        warn(
            f"data.root: {data.root} holds images of your own, in train/<class>/, but data.name is {data.name}, which "
            f"is looked for there, and downloaded to it; to train on yours, write data.name=folder"
        )


def check_class_scores(experiment: Experiment) -> None:
    """Raises UsageError if the network's output is not one score for each class; the message says what to add."""
    if issue := config.class_scores_issue(experiment):
        raise UsageError(issue)
    if experiment.model.is_own:
        check_own_class_scores(experiment)


def check_batches(experiment: Experiment, *, images: int) -> None:
    """Raises UsageError if so many images give no batch, or a batch of one that a BatchNorm cannot learn from."""
    data = experiment.data
    if data.drop_last and data.batch_size > images:
        raise UsageError(
            f"data.batch_size: expected at most the {images:,} images there are to train on, as data.drop_last is "
            f"true, found {data.batch_size}; write a smaller one"
        )
    last = data.batch_size if data.drop_last else images % data.batch_size or data.batch_size
    smallest = min(
        _smallest_part(size, experiment.train.micro_batch_size) for size in (min(data.batch_size, images), last)
    )
    if smallest > 1:
        return
    try:
        # With values: what a BatchNorm does without them, torch has in Python, in 900 modules, three seconds' work.
        build_model(experiment).train()(torch.zeros(1, *data.image_shape))
    except ValueError as error:  # torch's own, from a BatchNorm with one value per channel
        if last > 1:
            raise UsageError(
                f"train.micro_batch_size: {experiment.train.micro_batch_size} leaves parts of one image, in which a "
                f"BatchNorm sees a single number; write a larger one"
            ) from error
        raise UsageError(
            f"data.batch_size: {images:,} images in batches of {data.batch_size} leave a batch of one, in which a "
            f"BatchNorm sees a single number; write data.drop_last=true, or another size"
        ) from error


def _smallest_part(batch_size: int, micro_batch_size: int | None) -> int:
    """Returns the images of the smallest part that a step computes of a batch."""
    return batch_size // -(-batch_size // (micro_batch_size or batch_size))


def _check_names(experiment: Experiment) -> None:
    """Raises UsageError for layers and parameters that the experiment names and its network does not have."""
    model = build_meta_model(experiment)
    check_init_layers(model, experiment.init)
    freeze(model, experiment.train.freeze)
    try:
        build_optimizer(model=model, **experiment.optimizer.model_dump())
    except UsageError as error:
        if not experiment.model.is_own:
            raise
        raise UsageError(
            f"{error}. The optimizer of this configuration is made for its own network; for yours write for example "
            f"'optimizer={{name: sgd, lr: 0.03, momentum: 0.9}}', or --config quickstart"
        ) from error
    check_feature_layers(experiment, model)

"""Builds the preprocessing and the augmentations that images pass on their way to the network."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Generator, Tensor

from cifar_cli.builders.build_model import memory_format
from cifar_cli.config import Experiment
from cifar_cli.data.batch import Batch
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.normalize import Normalize, to_unit
from cifar_cli.data.transforms.augmentation import Transform
from cifar_cli.section import call_with_accepted, load_target
from cifar_cli.training.runtime import Runtime

SAMPLE_IMAGES = 4
STATISTICS_IMAGES = 32  # for statistics of activations; more images cost more and change little


class ChannelStatistics(Protocol):
    """The mean and the standard deviation of each channel, pixels in [0, 1]."""

    @property
    def mean(self) -> tuple[float, ...]: ...

    @property
    def std(self) -> tuple[float, ...]: ...


def build_preprocessing(
    experiment: Experiment, statistics: ChannelStatistics, runtime: Runtime
) -> Callable[[Tensor], Tensor]:
    """Returns a function from uint8 images (B, C, H, W) to the network's input: float32, on the device.

    statistics: what to normalize with, for example the splits of a dataset.
    """
    order = memory_format(experiment)
    to_float = Normalize(statistics.mean, statistics.std).to(runtime.device) if experiment.data.normalize else to_unit

    def preprocess(images: Tensor) -> Tensor:
        # In this order: arithmetic per channel is slow in channels_last.
        return to_float(images.to(runtime.device)).contiguous(memory_format=order)

    return preprocess


def build_training_transform(experiment: Experiment, splits: Splits, runtime: Runtime) -> Transform:
    """Returns a function from a batch of uint8 images to an augmented batch of network inputs."""
    preprocess = build_preprocessing(experiment, splits, runtime)
    on_pixels = build_augmentations(experiment, splits, takes_normalized=False)
    on_inputs = build_augmentations(experiment, splits, takes_normalized=True)

    def transform(batch: Batch, generator: Generator) -> Batch:
        for augment in on_pixels:
            batch = augment(batch, generator)
        batch = replace(batch, images=preprocess(batch.images))
        for augment in on_inputs:
            batch = augment(batch, generator)
        return batch

    return transform


def build_augmentations(experiment: Experiment, splits: Splits, *, takes_normalized: bool) -> list[Transform]:
    """Returns the experiment's augmentations of uint8 images, or with `takes_normalized` of network inputs."""
    available = {
        "num_images": len(splits.train),
        "num_classes": len(splits.train.class_names),
        "mean": splits.mean,
        "seed": experiment.seed,
    }
    return [
        call_with_accepted(load_target(entry.target), (value,), available)
        for entry, value in experiment.data.augment.applied().values()
        if entry.takes_normalized == takes_normalized
    ]


def sample_images(splits: Splits, count: int = SAMPLE_IMAGES) -> ImageSet:
    """Returns the first `count` validation images, or training images if none are held out; never test images."""
    images = splits.val or splits.train
    return images.subset(torch.arange(min(count, len(images))))

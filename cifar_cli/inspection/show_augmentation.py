"""Answers `cifar data show`: has training images drawn, as they are and as augmentations make them."""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from cifar_cli.builders.build_transforms import ChannelStatistics, build_training_transform
from cifar_cli.builders.load_data import load_data
from cifar_cli.config import Experiment
from cifar_cli.data.batch import Batch
from cifar_cli.figures.augmentation_sheet import draw_augmentation_sheet, draw_image_sheet
from cifar_cli.training.runtime import CPU

IMAGES, DRAWS = 8, 7


def show_augmentation(experiment: Experiment) -> Tensor:
    """Returns the picture, uint8 (3, height, width). The draws are those of the configuration's seed."""
    experiment, splits = load_data(experiment)
    transform = build_training_transform(experiment, splits, CPU)
    chosen = torch.arange(min(IMAGES, len(splits.train)))
    shown = splits.train.subset(chosen)
    generator = Generator().manual_seed(experiment.seed)
    draws = [transform(Batch(shown.images, shown.labels, chosen), generator) for _ in range(DRAWS)]
    class_names = splits.train.class_names

    def probabilities(targets: Tensor) -> Tensor:
        return targets if targets.dim() == 2 else F.one_hot(targets, len(class_names)).float()

    return draw_augmentation_sheet(
        shown.images,
        [_to_unit(draw.images, splits if experiment.data.normalize else None) for draw in draws],
        [probabilities(targets) for targets in (shown.labels, *(draw.targets for draw in draws))],
        class_names=class_names,
        title=f"{experiment.name}: {', '.join(experiment.data.augment.applied()) or 'no augmentation'}",
    )


def show_images(experiment: Experiment) -> Tensor:
    """Returns a picture of the first training images as they are, uint8 (3, height, width)."""
    experiment, splits = load_data(experiment)
    shown = splits.train.subset(torch.arange(min(IMAGES * (DRAWS + 1), len(splits.train))))
    return draw_image_sheet(
        shown.images,
        shown.labels,
        class_names=splits.train.class_names,
        in_row=DRAWS + 1,
        title=f"{experiment.data.name}: {len(splits.train):,} training images",
    )


def _to_unit(images: Tensor, statistics: ChannelStatistics | None) -> Tensor:
    """Returns the network's input as pixels in [0, 1]; statistics: with which it was normalized, None if it was not."""
    if statistics is not None:
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (statistics.mean, statistics.std))
        images = images * std + mean
    return images.clamp(0, 1)

"""Answers `cifar data show`: applies a configuration's augmentations to training images, and has the result drawn."""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from cifar_cli.builders.build_transforms import build_training_transform
from cifar_cli.builders.load_data import load_data
from cifar_cli.config import Experiment
from cifar_cli.data.batch import Batch
from cifar_cli.figures.augmentation_sheet import draw_augmentation_sheet
from cifar_cli.training.runtime import CPU

IMAGES, DRAWS = 8, 7


def show_augmentation(experiment: Experiment) -> Tensor:
    """Returns the picture, uint8 (3, height, width). The draws are those of the configuration's seed."""
    experiment, splits = load_data(experiment)
    # Pixels in [0, 1] are what can be drawn; the order of the augmentations and of the conversion is the training's.
    unnormalized = experiment.model_copy(update={"data": experiment.data.model_copy(update={"normalize": False})})
    transform = build_training_transform(unnormalized, splits, CPU)
    chosen = torch.arange(min(IMAGES, len(splits.train)))
    shown = splits.train.subset(chosen)
    generator = Generator().manual_seed(experiment.seed)
    draws = [transform(Batch(shown.images, shown.labels, chosen), generator) for _ in range(DRAWS)]
    class_names = splits.train.class_names

    def probabilities(targets: Tensor) -> Tensor:
        return targets if targets.dim() == 2 else F.one_hot(targets, len(class_names)).float()

    return draw_augmentation_sheet(
        shown.images,
        [draw.images for draw in draws],
        [probabilities(targets) for targets in (shown.labels, *(draw.targets for draw in draws))],
        class_names=class_names,
        title=f"{experiment.name}: {', '.join(experiment.data.augment.applied()) or 'no augmentation'}",
    )

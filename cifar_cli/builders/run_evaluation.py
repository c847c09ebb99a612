"""Evaluates a network with the loss, preprocessing and test-time augmentation of an experiment."""

from torch import nn

from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import BatchLoader
from cifar_cli.optim.losses import Loss
from cifar_cli.section import load_target
from cifar_cli.training.evaluation import Evaluation, evaluate
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.tta import TTA

EVAL_BATCH_SIZE = 500  # divides 5,000 and 10,000; larger is no faster on a CPU


def build_loss(experiment: Experiment) -> Loss:
    """Returns the experiment's loss."""
    loss: Loss = load_target(experiment.loss.target)(**experiment.loss.arguments)
    return loss


def describe_loss(experiment: Experiment) -> str:
    """Returns the experiment's loss with its keys, such as `cross_entropy, label_smoothing 0.1`."""
    return ", ".join([experiment.loss.name, *(f"{key} {value}" for key, value in experiment.loss.arguments.items())])


def run_evaluation(
    experiment: Experiment,
    model: nn.Module,
    images: ImageSet,
    *,
    splits: Splits,
    runtime: Runtime,
    batch_size: int = EVAL_BATCH_SIZE,
    without_tta: bool = False,
) -> Evaluation:
    """Returns the network's evaluation on a set of images. splits: give the mean and deviation to normalize with."""
    return evaluate(
        model,
        loader=BatchLoader(images, batch_size=batch_size),
        loss=build_loss(experiment),
        preprocess=build_preprocessing(experiment, splits, runtime),
        runtime=runtime,
        num_classes=len(images.class_names),
        tta=None if without_tta else TTA[experiment.evaluation.tta],
        tta_fraction=experiment.evaluation.tta_fraction,
    )

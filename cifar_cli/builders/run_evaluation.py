"""Evaluates a network with the loss, preprocessing and test-time augmentation of an experiment."""

import torch
from torch import Tensor, nn

from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.config import Experiment, to_flow_yaml
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import BatchLoader
from cifar_cli.optim.losses import Loss, balanced_class_weights
from cifar_cli.section import load_target
from cifar_cli.training.evaluation import Evaluation, evaluate
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.tta import TTA

EVAL_BATCH_SIZE = 500  # divides 5,000 and 10,000; larger is no faster on a CPU


def build_loss(experiment: Experiment, splits: Splits, runtime: Runtime) -> Loss:
    """Returns the experiment's loss, its class weights on the device. splits: the training images are counted."""
    keys = experiment.loss
    weights: Tensor | None = None
    if keys.class_weights == "balanced":
        weights = balanced_class_weights(splits.train.labels.cpu(), num_classes=len(splits.train.class_names))
    elif keys.class_weights is not None:
        weights = torch.tensor(keys.class_weights, dtype=torch.float32)
    arguments = {**keys.arguments, "class_weights": None if weights is None else weights.to(runtime.device)}
    loss: Loss = load_target(keys.target)(**arguments)
    return loss


def describe_loss(experiment: Experiment) -> str:
    """Returns the experiment's loss with its keys, such as `cross_entropy, label_smoothing 0.1`."""
    keys = {key: to_flow_yaml(value) for key, value in experiment.loss.arguments.items() if value is not None}
    return ", ".join([experiment.loss.name, *(f"{key} {value}" for key, value in keys.items())])


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
        loss=build_loss(experiment, splits, runtime),
        preprocess=build_preprocessing(experiment, splits, runtime),
        runtime=runtime,
        num_classes=len(images.class_names),
        tta=None if without_tta else TTA[experiment.evaluation.tta],
        tta_fraction=experiment.evaluation.tta_fraction,
    )

"""Builds the network that an experiment describes, with its weights or without."""

import torch
from torch import nn

from cifar_cli.config import Experiment
from cifar_cli.section import load_target


def build_model(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network, untrained, its weights drawn from the experiment's seed.

    The network takes images (B, *image_shape) and, unless its layers say otherwise, gives logits (B, num_classes).
    The global random state is left as it was.
    """
    keys, data = experiment.model, experiment.data
    with torch.random.fork_rng(devices=[]):  # weights are drawn on the CPU
        torch.default_generator.manual_seed(experiment.seed)
        model: nn.Module = load_target(keys.target)(
            image_shape=data.image_shape, num_classes=data.num_classes, **keys.arguments
        )
    return model


def build_meta_model(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network without weights, on torch's "meta" device: its layers, names and shapes."""
    with torch.device("meta"):
        return build_model(experiment)

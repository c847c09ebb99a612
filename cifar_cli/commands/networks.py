"""Builds the network that an Experiment describes, with its weights or in outline."""

import torch
from torch import nn

from cifar_cli.config import DATASET_FACTS, Experiment
from cifar_cli.models import build_model


def network(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network, untrained, its weights drawn from the experiment's seed."""
    arguments = experiment.model.model_dump(exclude={"name"})
    if experiment.model.name == "sequential":
        arguments["layers"] = [(layer.name, layer.type, layer.arguments) for layer in experiment.model.layers]
    facts = DATASET_FACTS[experiment.data.name]
    return build_model(
        experiment.model.name,
        arguments,
        image_shape=facts.image_shape,
        num_classes=facts.num_classes,
        seed=experiment.seed,
    )


def outline(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network without weights, on torch's "meta" device: its layers, names and shapes."""
    with torch.device("meta"):
        return network(experiment)

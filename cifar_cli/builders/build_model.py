"""Builds the network that an Experiment describes, with its weights or in outline."""

import torch
from torch import nn

from cifar_cli.config import DATASET_FACTS, Experiment
from cifar_cli.models import table


def build_model(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network, untrained, its weights drawn from the experiment's seed."""
    arguments = experiment.model.model_dump(exclude={"name"})
    if experiment.model.name == "sequential":
        arguments["layers"] = [(layer.name, layer.type, layer.arguments) for layer in experiment.model.layers]
    facts = DATASET_FACTS[experiment.data.name]
    return table.build_model(
        experiment.model.name,
        arguments,
        image_shape=facts.image_shape,
        num_classes=facts.num_classes,
        seed=experiment.seed,
    )


def build_meta_model(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network without weights, on torch's "meta" device: its layers, names and shapes."""
    with torch.device("meta"):
        return build_model(experiment)

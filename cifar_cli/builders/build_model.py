"""Builds the network of an experiment, with random weights or without memory for weights."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cifar_cli.config import Experiment
from cifar_cli.section import load_target


def memory_format(experiment: Experiment) -> torch.memory_format:
    """Returns the order in memory of the experiment's images and filters.

    A person's own network gets torch's default: `x.view(…)` behind a convolution, as many networks have it, fails in
    the faster order.
    """
    return torch.contiguous_format if experiment.model.is_own else torch.channels_last


def build_model(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network with weights drawn from the experiment's seed.

    The network maps images (B, *image_shape) to logits (B, num_classes); a list of layers may end otherwise. The global
    random state does not change.
    """
    keys, data = experiment.model, experiment.data
    with torch.random.fork_rng(devices=[]):  # weights are drawn on the CPU
        torch.default_generator.manual_seed(experiment.seed)
        model: nn.Module = load_target(keys.target)(
            image_shape=data.image_shape, num_classes=data.num_classes, **keys.arguments
        )
    return model


def build_meta_model(experiment: Experiment) -> nn.Module:
    """Returns the experiment's network on torch's "meta" device: layers, names and shapes, without values.

    A person's own network has values: its code may compute with them.
    """
    if experiment.model.is_own:
        return build_model(experiment)
    with torch.device("meta"), _WithoutNormalDraws():
        return build_model(experiment)


class _WithoutNormalDraws(TorchFunctionMode):
    """Leaves tensors without values as they are: to draw such normal numbers, torch imports 900 modules in a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func is Tensor.normal_ else func(*args, **(kwargs or {}))

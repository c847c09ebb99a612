"""The table of networks. To add one: write `models/<name>.py` and name it here."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from cifar_cli.models.cnn import CNN
from cifar_cli.models.mlp import mlp
from cifar_cli.models.sequential import sequential
from cifar_cli.models.speednet import SpeedNet

MODELS: Mapping[str, Callable[..., nn.Module]] = {
    "sequential": sequential,
    "mlp": mlp,
    "cnn": CNN,
    "speednet": SpeedNet,
}


def build_model(
    name: str,
    arguments: Mapping[str, object],
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
) -> nn.Module:
    """Returns the network `name`, its weights drawn from `seed`.

    The network takes images (B, *image_shape) and, unless its layers say otherwise, gives logits (B, num_classes).
    The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):  # weights are drawn on the CPU
        torch.default_generator.manual_seed(seed)
        return MODELS[name](image_shape=image_shape, num_classes=num_classes, **arguments)

"""A network written down layer by layer."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from cifar_cli.models.layer import Layer


def sequential(
    *,
    layers: Sequence[Layer],
    image_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
) -> nn.Sequential:
    """Returns torch's own `nn.Sequential` of named layers.

    The layers alone decide which shapes go in and come out. `image_shape` and `num_classes` are accepted because every
    network is built with them.
    """
    return nn.Sequential(OrderedDict((layer.name, getattr(nn, layer.type)(**layer.arguments)) for layer in layers))

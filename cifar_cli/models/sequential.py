"""A network of the layers that a configuration lists."""

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
    """Returns an `nn.Sequential` of named layers.

    The layers alone decide the input and output shapes. `image_shape` and `num_classes` are accepted because every
    network is built with both.
    """
    return nn.Sequential(OrderedDict((layer.name, getattr(nn, layer.type)(**layer.arguments)) for layer in layers))

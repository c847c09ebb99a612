"""The multilayer perceptron."""

from collections import OrderedDict
from collections.abc import Sequence
from math import prod

from torch import nn


def mlp(*, image_shape: tuple[int, int, int], num_classes: int, hidden: Sequence[int] = (256,)) -> nn.Sequential:
    """Returns Flatten, then Linear and ReLU for each width in `hidden`, then a Linear to the logits.

    Input: images (B, *image_shape); output: logits (B, num_classes).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    in_features = prod(image_shape)
    for number, width in enumerate(hidden, start=1):
        layers[f"fc{number}"] = nn.Linear(in_features, width)
        layers[f"relu{number}"] = nn.ReLU()
        in_features = width
    layers[f"fc{len(hidden) + 1}"] = nn.Linear(in_features, num_classes)
    return nn.Sequential(layers)

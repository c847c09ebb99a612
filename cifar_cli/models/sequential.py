"""A network written down layer by layer. Knows nothing of where the list of layers comes from."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import nn


def sequential(
    *,
    layers: Sequence[tuple[str, str, Mapping[str, object]]],
    image_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
) -> nn.Sequential:
    """Returns torch's own `nn.Sequential` of named layers, each a (name, type in torch.nn, arguments).

    The layers alone decide what shapes go in and come out; `image_shape` and `num_classes` are taken because every
    network of the table is built with them.
    """
    return nn.Sequential(OrderedDict((name, getattr(nn, type_)(**arguments)) for name, type_, arguments in layers))

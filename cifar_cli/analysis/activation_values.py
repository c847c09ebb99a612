"""What an activation layer makes of one number, in float64."""

import math
from collections.abc import Callable, Mapping

from torch import nn

NUMBER: Mapping[str, Callable[[float, nn.Module], float]] = {
    "ReLU": lambda x, layer: max(0.0, x),
    "ReLU6": lambda x, layer: min(max(0.0, x), 6.0),
    "LeakyReLU": lambda x, layer: max(0.0, x) + float(layer.negative_slope) * min(0.0, x),  # type: ignore[arg-type]
    "Sigmoid": lambda x, layer: 1 / (1 + math.exp(-x)),
    "Tanh": lambda x, layer: math.tanh(x),
    "SiLU": lambda x, layer: x / (1 + math.exp(-x)),
    "GELU": lambda x, layer: _gelu(x, by_tanh=layer.approximate == "tanh"),
}


def _gelu(x: float, *, by_tanh: bool) -> float:
    if by_tanh:
        return x * 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))

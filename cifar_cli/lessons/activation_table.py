"""Fourteen activations as plain formulas on tensors, each with torch's module and its properties.

max(0, x) becomes `x.clamp(min=0)`, because Python's max() cannot compare whole tensors. These are the textbook
formulas; torch's modules compute the same without an overflow of exp().
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn

from cifar_cli.analysis.formulas import ACTIVATION_FORMULAS

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # keep mean 0 and variance 1 (Klambauer et al., 2017)


@dataclass(frozen=True)
class Activation:
    """module: torch's, with its defaults; formula: the same function by hand; the other fields are text for readers."""

    module: Callable[[], nn.Module]
    formula: Callable[[Tensor], Tensor]
    text: str
    defaults: str
    range: str
    saturates: str


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / sqrt(2)))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    return x.clamp(min=0) + (alpha * (x.exp() - 1)).clamp(max=0)


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return x.clamp(min=0) + negative_slope * x.clamp(max=0)


def prelu(x: Tensor, a: float = 0.25) -> Tensor:
    return x.clamp(min=0) + a * x.clamp(max=0)


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def relu6(x: Tensor) -> Tensor:
    return x.clamp(min=0, max=6)


def selu(x: Tensor) -> Tensor:
    return SELU_SCALE * elu(x, alpha=SELU_ALPHA)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    return x.clamp(min=0) + (alpha * ((x / alpha).exp() - 1)).clamp(max=0)


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


def log_sigmoid(x: Tensor) -> Tensor:
    return sigmoid(x).log()


def tanh(x: Tensor) -> Tensor:
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


def tanhshrink(x: Tensor) -> Tensor:
    return x - tanh(x)


def softplus(x: Tensor, beta: float = 1.0) -> Tensor:
    return (1 + (beta * x).exp()).log() / beta


def softshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    return (x - lambd).clamp(min=0) + (x + lambd).clamp(max=0)


ACTIVATIONS = {
    "ReLU": Activation(nn.ReLU, relu, ACTIVATION_FORMULAS["ReLU"], "none", "[0, ∞)", "left: exactly 0"),
    "LeakyReLU": Activation(
        nn.LeakyReLU, leaky_relu, ACTIVATION_FORMULAS["LeakyReLU"], "negative_slope = 0.01", "(−∞, ∞)", "nowhere"
    ),
    "PReLU": Activation(nn.PReLU, prelu, ACTIVATION_FORMULAS["PReLU"], "a = 0.25, learnt", "(−∞, ∞)", "nowhere"),
    "ReLU6": Activation(nn.ReLU6, relu6, ACTIVATION_FORMULAS["ReLU6"], "none", "[0, 6]", "left, and right from 6"),
    "ELU": Activation(nn.ELU, elu, ACTIVATION_FORMULAS["ELU"], "alpha = 1", "(−1, ∞)", "left, at −α"),
    "CELU": Activation(nn.CELU, celu, ACTIVATION_FORMULAS["CELU"], "alpha = 1", "(−1, ∞)", "left, at −α"),
    "SELU": Activation(
        nn.SELU,
        selu,
        ACTIVATION_FORMULAS["SELU"],
        "α = 1.6733, s = 1.0507, fixed",
        "(−1.76, ∞)",
        "left, at −sα",
    ),
    "GELU": Activation(nn.GELU, gelu, ACTIVATION_FORMULAS["GELU"], "approximate = 'none'", "[−0.17, ∞)", "left, at 0"),
    "Sigmoid": Activation(
        nn.Sigmoid, sigmoid, ACTIVATION_FORMULAS["Sigmoid"], "none", "(0, 1)", "left at 0, right at 1"
    ),
    "LogSigmoid": Activation(
        nn.LogSigmoid, log_sigmoid, ACTIVATION_FORMULAS["LogSigmoid"], "none", "(−∞, 0)", "right, at 0"
    ),
    "Tanh": Activation(nn.Tanh, tanh, ACTIVATION_FORMULAS["Tanh"], "none", "(−1, 1)", "left at −1, right at 1"),
    "Tanhshrink": Activation(
        nn.Tanhshrink, tanhshrink, ACTIVATION_FORMULAS["Tanhshrink"], "none", "(−∞, ∞)", "nowhere; flat at 0"
    ),
    "Softplus": Activation(
        nn.Softplus, softplus, ACTIVATION_FORMULAS["Softplus"], "beta = 1, threshold = 20", "(0, ∞)", "left, at 0"
    ),
    "Softshrink": Activation(
        nn.Softshrink, softshrink, ACTIVATION_FORMULAS["Softshrink"], "lambd = 0.5", "(−∞, ∞)", "nowhere; 0 within ±λ"
    ),
}

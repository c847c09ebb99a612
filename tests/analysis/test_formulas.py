"""Formulas in words, evaluated as they stand, against the sizes that torch gives."""

from itertools import product
from math import ceil, floor

import pytest
import torch
from torch import nn

from cifar_cli.analysis.formulas import readable
from cifar_cli.analysis.trace import trace_forward


def formula(layer: nn.Module, size: int) -> str:
    (step,) = trace_forward(layer, torch.randn(1, 2, size, size))
    return step.formula


def evaluated(text: str) -> int:
    """Returns what the left side of a formula comes to."""
    left = text.split(" = ")[0].replace("·", "*").replace("−", "-")
    for sign, function in (("⌊", "floor("), ("⌈", "ceil(")):
        left = left.replace(sign, function)
    return eval(left.replace("⌋", ")").replace("⌉", ")"), {"floor": floor, "ceil": ceil})


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), list(product((1, 2, 3, 5), (1, 2, 3), (0, 1), (1, 2)))
)
def test_a_formulas_numbers_give_torchs_size(kernel: int, stride: int, padding: int, dilation: int) -> None:
    size = 11
    numbers = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    layers: list[nn.Module] = [nn.Conv2d(2, 3, **numbers), nn.ConvTranspose2d(2, 3, **numbers)]
    if padding <= kernel // 2:
        layers.append(nn.MaxPool2d(**numbers))
    for layer in layers:
        text = formula(layer, size)
        given = layer(torch.randn(1, 2, size, size)).shape[-1]
        assert evaluated(text) == given, text
        assert text.endswith(f" = {given}")


def test_ceil_mode_keeps_the_window_that_hangs_over_the_edge() -> None:
    assert formula(nn.MaxPool2d(3, ceil_mode=True), 32) == "⌈(32 + 2·0 − 3)/3⌉ + 1 = 11"
    assert formula(nn.MaxPool2d(3), 32) == "⌊(32 + 2·0 − 3)/3⌋ + 1 = 10"


def test_ceil_mode_leaves_out_a_window_that_would_start_outside() -> None:
    layer = nn.MaxPool2d(2, stride=2, padding=1, ceil_mode=True)
    assert layer(torch.randn(1, 2, 5, 5)).shape[-1] == 3
    text = formula(layer, 5)
    assert text == "⌈(5 + 2·1 − 2)/2⌉ + 1 = 4, but the last window would start at 5, outside: 3"


def test_an_uneven_window_has_a_formula_for_each_side() -> None:
    text = formula(nn.Conv2d(2, 3, (3, 5), padding=(0, 2), dilation=(2, 1)), 32)
    assert text == "⌊(32 + 2·0 − 2·(3 − 1) − 1)/1⌋ + 1 = 28 high, ⌊(32 + 2·2 − 5)/1⌋ + 1 = 32 wide"


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.ReLU(), "max(0, x)"),
        (nn.BatchNorm2d(2), "(x − μ)/√(σ² + ε)·γ + β"),
        (nn.Flatten(), "2·8·8 = 128"),
        (nn.Dropout(0.25), "sets 25 % to 0 in training, none now"),
        (nn.Identity(), "x"),
        (nn.AlphaDropout(0.25), "sets 25 % to SELU's lowest value in training and rescales, nothing now"),
        (nn.GroupNorm(2, 2), "(x − μ)/√(σ² + ε)·γ + β, per image and each of 2 groups"),
        (nn.GroupNorm(2, 2, affine=False), "(x − μ)/√(σ² + ε), per image and each of 2 groups"),
        (nn.LayerNorm((8, 8)), "(x − μ)/√(σ² + ε)·γ + β, over 8×8"),
        (nn.GELU(approximate="tanh"), "x·½(1 + tanh(√(2/π)·(x + 0.044715·x³)))"),
        (nn.AdaptiveAvgPool2d(4), "mean of each 2×2"),
        (nn.AdaptiveAvgPool2d((3, 4)), "mean of each 3–4×2"),  # rows 0 to 2, 2 to 5, 5 to 7
        (nn.AdaptiveAvgPool2d(1), "mean over the positions"),
        (nn.Sequential(nn.Flatten(), nn.Linear(128, 5, bias=False))[0], "2·8·8 = 128"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_other_layers_have_their_line(layer: nn.Module, text: str) -> None:
    assert formula(layer, 8) == text


def test_operations_bear_the_names_that_people_know() -> None:
    assert [readable(name) for name in ("convolution", "relu_", "addmm", "_softmax", "cat")] == [
        "conv2d",
        "relu",
        "linear",
        "softmax",
        "cat",
    ]


def test_a_linear_layer_of_tokens_has_the_formula_of_one_row() -> None:
    (step,) = trace_forward(nn.Linear(4, 5), torch.randn(2, 3, 4))
    assert step.formula == "5 sums of 4 products + bias"


def test_attention_has_torchs_public_name_and_a_formula_on_every_device() -> None:
    class Attention(nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    (step,) = trace_forward(Attention(), torch.randn(2, 3, 7, 16))
    assert step.formula == "softmax(q·kᵀ/√16)·v"
    for algorithm in ("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention"):
        assert readable(f"_scaled_dot_product_{algorithm}") == "scaled_dot_product_attention"

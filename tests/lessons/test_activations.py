"""Lesson `activations`: every formula and gradient against torch, and what inplace does."""

import pytest
import torch
import torch.nn.functional as F

from cifar_cli.lessons.activation_table import ACTIVATIONS
from cifar_cli.lessons.activations import MATRIX, curve_and_gradient, relu_in_place

KINKS = (-0.5, 0.0, 0.5, 6.0)  # where a gradient is a matter of convention
X = torch.tensor([x / 8 + 1 / 32 for x in range(-64, 64)], dtype=torch.float64)
FUNCTIONS = {
    "GELU": F.gelu,
    "ELU": F.elu,
    "LeakyReLU": F.leaky_relu,
    "PReLU": lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)),
    "ReLU": F.relu,
    "ReLU6": F.relu6,
    "SELU": F.selu,
    "CELU": F.celu,
    "Sigmoid": torch.sigmoid,
    "LogSigmoid": F.logsigmoid,
    "Tanh": torch.tanh,
    "Tanhshrink": F.tanhshrink,
    "Softplus": F.softplus,
    "Softshrink": F.softshrink,
}


def test_all_activations_of_the_tutorials_are_there() -> None:
    assert ACTIVATIONS.keys() == FUNCTIONS.keys()
    assert not {*KINKS} & {*X.tolist()}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_formula_and_its_gradient_are_torchs(name: str) -> None:
    by_torch, by_hand = X.clone().requires_grad_(), X.clone().requires_grad_()
    expected, found = FUNCTIONS[name](by_torch), ACTIVATIONS[name].formula(by_hand)
    torch.testing.assert_close(found, expected)
    expected.sum().backward()
    found.sum().backward()
    torch.testing.assert_close(by_hand.grad, by_torch.grad)
    curve, gradient = curve_and_gradient(ACTIVATIONS[name], X)
    torch.testing.assert_close(curve, expected.detach())
    torch.testing.assert_close(gradient, by_torch.grad)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_curve_stays_in_the_range_that_is_told_and_comes_near_its_ends(name: str) -> None:
    def end(text: str) -> float:
        return float(text.replace("−", "-").replace("∞", "inf"))

    low, high = map(end, ACTIVATIONS[name].range.strip("[]()").split(", "))
    curve, _ = curve_and_gradient(ACTIVATIONS[name], torch.linspace(-50, 50, 10001, dtype=torch.float64))
    smallest, largest = float(curve.min()), float(curve.max())
    assert smallest == pytest.approx(low, abs=0.005) if low != -float("inf") else smallest < -0.4
    assert largest == pytest.approx(high, abs=0.005) if high != float("inf") else largest > 40


def test_relu_on_the_worked_matrix() -> None:
    assert ACTIVATIONS["ReLU"].formula(MATRIX).tolist() == [[1, 0], [0, 3]]


def test_in_place_the_input_is_gone() -> None:
    output, given = relu_in_place(MATRIX)
    assert output.tolist() == given.tolist() == [[1, 0], [0, 3]]
    assert MATRIX.tolist() == [[1, -0.5], [-1, 3]]


def test_the_gradients_that_are_told() -> None:
    _, slope = curve_and_gradient(ACTIVATIONS["Sigmoid"], torch.tensor([0.0]))
    assert slope.item() == 0.25
    assert 0.25**10 < 1e-6


def test_selu_keeps_mean_0_and_variance_1() -> None:
    # What its two constants are for: E[selu(z)] = 0 and E[selu(z)²] = 1 for z ~ N(0, 1), here as integrals.
    z = torch.linspace(-12, 12, 200001, dtype=torch.float64)
    density = torch.exp(-z * z / 2) / (2 * torch.pi) ** 0.5
    y = ACTIVATIONS["SELU"].formula(z)
    assert torch.trapezoid(y * density, z).item() == pytest.approx(0, abs=1e-6)
    assert torch.trapezoid(y * y * density, z).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_saturates_on_the_sides_that_are_told(name: str) -> None:
    far = torch.tensor([-40.0, 40.0], dtype=torch.float64)
    _, slopes = curve_and_gradient(ACTIVATIONS[name], far)
    sides = [side for side, slope in zip(("left", "right"), slopes.tolist(), strict=True) if abs(slope) < 1e-9]
    assert [side for side in ("left", "right") if side in ACTIVATIONS[name].saturates] == sides
    assert ACTIVATIONS[name].saturates.startswith("nowhere") == (not sides)

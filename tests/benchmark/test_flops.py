"""The FLOPs of a step, against numbers worked by hand."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cifar_cli.benchmark.flops import step_flops

LABELS = torch.tensor([0, 1])


def test_the_first_linear_layer_takes_two_products_and_a_later_layer_three() -> None:
    # (2, 20) @ (20, 30) and (2, 30) @ (30, 4): forward, gradient of the weights, and for a later layer of the input.
    model = nn.Sequential(nn.Linear(20, 30), nn.Linear(30, 4))
    first, second = 2 * 2 * 20 * 30, 2 * 2 * 30 * 4
    assert step_flops(model, torch.randn(2, 20), LABELS, loss_fn=cross_entropy) == 2 * first + 3 * second


def test_a_convolution_takes_a_product_for_each_output_pixel() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, kernel_size=3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    forward = 2 * (2 * 8 * 8) * 5 * (3 * 3 * 3)
    assert step_flops(model, torch.randn(2, 3, 8, 8), LABELS, loss_fn=cross_entropy) == 2 * forward


def test_no_gradients_are_left_behind() -> None:
    model = nn.Sequential(nn.Linear(20, 4))
    step_flops(model, torch.randn(2, 20), LABELS, loss_fn=cross_entropy)
    assert [parameter.grad for parameter in model.parameters()] == [None, None]

"""Lesson `convolution`: the tutorial's numbers, by sliding and by torch."""

import pytest
import torch
import torch.nn.functional as F

from cifar_cli.lessons.convolution import IMAGE, KERNEL, NINE, by_torch, make_layer, output_size, slide


@pytest.mark.parametrize("convolve", [slide, by_torch])
def test_the_worked_numbers(convolve) -> None:
    assert convolve(IMAGE, KERNEL).tolist() == [[10, 12, 12], [18, 16, 16], [13, 9, 3]]
    assert convolve(IMAGE, KERNEL, stride=2).tolist() == [[10, 12], [13, 3]]
    padded = convolve(IMAGE, KERNEL, padding=1)
    assert padded.shape == (5, 5)
    assert padded[0].tolist() == [1, 3, 4, 10, 8]


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(3, 1, 0), (3, 2, 0), (3, 1, 1), (2, 3, 1), (5, 2, 2)])
def test_the_formula_gives_the_size_that_torch_gives(kernel_size: int, stride: int, padding: int) -> None:
    kernel = torch.ones(1, 1, kernel_size, kernel_size)
    for size in range(5, 12):
        output = F.conv2d(torch.zeros(1, 1, size, size), kernel, stride=stride, padding=padding)
        assert output_size(size, kernel_size=kernel_size, stride=stride, padding=padding) == output.shape[-1]


def test_the_layer_is_two_slidings_each_with_its_bias() -> None:
    layer = make_layer()
    channels = layer(NINE[None])
    assert channels.shape == (2, 3, 3)
    for channel in range(2):
        by_hand = slide(NINE, layer.weight[channel, 0], padding=1) + layer.bias[channel]
        torch.testing.assert_close(channels[channel], by_hand)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 20

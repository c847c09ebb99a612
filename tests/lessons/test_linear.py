"""Lesson `linear`: worked by hand, it gives what the module gives."""

import torch

from cifar_cli.lessons.linear import X, by_hand, make_layer


def test_the_hand_worked_outputs_are_the_modules() -> None:
    layer = make_layer()
    assert layer.weight.shape == (5, 3)
    torch.testing.assert_close(by_hand(layer.weight, layer.bias, X), layer(X))


def test_the_hand_works_out_numbers_that_are_easily_checked() -> None:
    weight, bias = torch.tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]]), torch.tensor([10.0, 20.0])
    assert by_hand(weight, bias, X).tolist() == [17, 18]  # 1 + 2·3 + 10 and −2 + 20

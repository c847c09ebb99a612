"""The multilayer perceptron: its layers, names and shapes."""

import torch
from torch import nn

from cifar_cli.models.mlp import mlp


def test_mlp_has_a_linear_layer_and_a_relu_for_each_width_and_one_linear_layer_more() -> None:
    model = mlp(image_shape=(3, 32, 32), num_classes=10, hidden=(256, 64))
    layers = {
        name: (type(layer), *getattr(layer, "weight", torch.zeros(0)).shape) for name, layer in model.named_children()
    }
    assert layers == {
        "flatten": (nn.Flatten, 0),
        "fc1": (nn.Linear, 256, 3072),
        "relu1": (nn.ReLU, 0),
        "fc2": (nn.Linear, 64, 256),
        "relu2": (nn.ReLU, 0),
        "fc3": (nn.Linear, 10, 64),
    }


def test_mlp_without_hidden_layers_is_a_linear_model() -> None:
    model = mlp(image_shape=(1, 28, 28), num_classes=10, hidden=())
    assert list(dict(model.named_children())) == ["flatten", "fc1"]
    assert sum(parameter.numel() for parameter in model.parameters()) == 784 * 10 + 10

"""The network of listed layers: torch's own nn.Sequential, parameters counted by hand."""

import torch
from torch import nn

from cifar_cli.models.layer import Layer
from cifar_cli.models.sequential import sequential


def test_the_tutorials_sequential_model_has_145578_parameters() -> None:
    convolution = {"kernel_size": 5, "padding": 2}
    model = sequential(
        layers=[
            Layer("conv1", "Conv2d", {"in_channels": 3, "out_channels": 32, **convolution}),
            Layer("pool1", "MaxPool2d", {"kernel_size": 2}),
            Layer("conv2", "Conv2d", {"in_channels": 32, "out_channels": 32, **convolution}),
            Layer("pool2", "MaxPool2d", {"kernel_size": 2}),
            Layer("conv3", "Conv2d", {"in_channels": 32, "out_channels": 64, **convolution}),
            Layer("pool3", "MaxPool2d", {"kernel_size": 2}),
            Layer("flatten", "Flatten", {}),
            Layer("fc1", "Linear", {"in_features": 1024, "out_features": 64}),
            Layer("fc2", "Linear", {"in_features": 64, "out_features": 10}),
        ]
    )
    # 5·5·3·32 + 32, 5·5·32·32 + 32, 5·5·32·64 + 64, 1024·64 + 64, 64·10 + 10
    assert (
        sum(parameter.numel() for parameter in model.parameters()) == 2_432 + 25_632 + 51_264 + 65_600 + 650 == 145_578
    )
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert [name for name, _ in model.named_children()][:2] == ["conv1", "pool1"]
    assert type(model) is nn.Sequential

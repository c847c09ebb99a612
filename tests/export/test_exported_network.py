"""What is exported as a graph: the network with its normalization, RepVGG in its re-parameterised form."""

import torch
from torch import nn

from cifar_cli.builders.build_model import build_model
from cifar_cli.config import load_text
from cifar_cli.export.exported_network import ExportedNetwork


def test_a_network_that_can_be_re_parameterised_is_exported_in_that_form() -> None:
    experiment = load_text("model: {name: repvgg_a0, blocks: [1, 2], width: 4, last_width: 8}\n", location="x.yaml")
    network = build_model(experiment)
    network(torch.rand(64, 3, 32, 32))  # fills the statistics of the BatchNorms
    exported = ExportedNetwork(network.eval(), experiment, (0.4,) * 3, (0.2,) * 3, ("a", "b"), "x")
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in exported.module.modules())
    images = torch.rand(5, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(exported.module(images), network((images - 0.4) / 0.2), atol=1e-5)

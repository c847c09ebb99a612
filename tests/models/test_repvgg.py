"""RepVGG: the re-parameterised form computes the same, and has the published number of parameters."""

import pytest
import torch
from torch import nn

from cifar_cli.models.repvgg import RepVGG, RepVGGBlock


def with_statistics(model: nn.Module) -> nn.Module:
    """Gives the BatchNorms values as after a training."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
    return model.eval()


@pytest.mark.parametrize(("out_channels", "stride"), [(4, 1), (4, 2), (6, 1)])
def test_one_convolution_computes_what_the_three_branches_compute(out_channels: int, stride: int) -> None:
    torch.manual_seed(0)
    block, images = with_statistics(RepVGGBlock(4, out_channels, stride=stride)), torch.randn(3, 4, 9, 9)
    assert (block.norm_identity is not None) == (out_channels == 4 and stride == 1)
    plain = block.reparameterised()
    assert [type(layer) for layer in plain] == [nn.Conv2d, nn.ReLU]
    assert torch.allclose(plain(images), block(images), atol=1e-5)


def test_the_re_parameterised_network_computes_the_same_and_leaves_the_first_as_it_is() -> None:
    torch.manual_seed(0)
    model = with_statistics(RepVGG(image_shape=(3, 32, 32), num_classes=10, blocks=(1, 3), width=8, last_width=12))
    images = torch.randn(3, 3, 16, 16)
    before, plain = model(images), model.reparameterised()
    assert torch.allclose(plain(images), before, atol=1e-5)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in plain.modules())
    assert torch.equal(model(images), before)


def test_the_re_parameterised_a0_has_the_published_parameters() -> None:
    # Of 1000 classes, in the authors' program, https://github.com/DingXiaoH/RepVGG: create_RepVGG_A0. There the first
    # stage has stride 2, so that its first block lacks the identity's BatchNorm, with 2 · 48 parameters.
    with torch.device("meta"):
        model = RepVGG(image_shape=(3, 224, 224), num_classes=1000)
    counts = [sum(p.numel() for p in network.parameters()) for network in (model, model.reparameterised())]
    assert counts == [9_108_968 + 2 * 48, 8_309_384]

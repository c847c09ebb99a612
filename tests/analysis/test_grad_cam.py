"""Grad-CAM on networks whose answer is known: by arithmetic, and by where the thing was put."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.analysis.grad_cam import grad_cam, map_layers
from cifar_cli.errors import UsageError


def reddish_or_bluish() -> nn.Module:
    """A network that takes the mean of red for the score of class 0, and that of blue for class 1."""
    maps = nn.Conv2d(3, 2, 1, bias=False)
    maps.weight.data = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).view(2, 3, 1, 1)
    scores = nn.Linear(2, 2, bias=False)
    scores.weight.data = torch.tensor([[3.0, -1.0], [-1.0, 3.0]])
    layers = OrderedDict(maps=maps, relu=nn.ReLU(inplace=True), pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
    return nn.Sequential(OrderedDict(**layers, scores=scores))


def red_and_blue() -> Tensor:
    """An image with a red square in its upper left corner and a smaller blue one in its lower right corner."""
    images = torch.zeros(1, 3, 8, 8)
    images[0, 0, 0:3, 0:3] = 1.0
    images[0, 2, 6:8, 6:8] = 1.0
    return images


def test_the_heat_is_on_the_red_square_that_made_the_class_and_nowhere_else() -> None:
    cam = grad_cam(reddish_or_bluish(), red_and_blue(), layer="relu")
    assert cam.logits.argmax().item() == 0
    # Each place of a mean over 64 passes on a 64th of the score's weight: 3/64 on red, −1/64 on blue, cut off at 0.
    expected = torch.zeros(1, 8, 8)
    expected[0, 0:3, 0:3] = 3 / 64
    assert torch.allclose(cam.heat, expected)


def test_for_the_other_class_the_heat_is_on_the_blue_square() -> None:
    cam = grad_cam(reddish_or_bluish(), red_and_blue(), layer="relu", classes=torch.tensor([1]))
    expected = torch.zeros(1, 8, 8)
    expected[0, 6:8, 6:8] = 3 / 64
    assert torch.allclose(cam.heat, expected)


def test_before_a_mean_and_a_linear_layer_it_is_the_linear_layers_weights() -> None:
    # Zhou et al., "Learning Deep Features for Discriminative Localization": the class activation map.
    torch.manual_seed(0)
    conv, fc = nn.Conv2d(3, 5, 3), nn.Linear(5, 4)
    model = nn.Sequential(OrderedDict(conv=conv, pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=fc))
    images = torch.randn(3, 3, 7, 7)
    cam = grad_cam(model, images, layer="conv")
    with torch.no_grad():
        maps, chosen = conv(images), model(images).argmax(dim=1)
        expected = torch.einsum("bc,bchw->bhw", fc.weight[chosen], maps).relu() / 25
    assert torch.allclose(cam.heat, expected, atol=1e-6)
    assert torch.allclose(cam.logits, model(images))


def test_frozen_weights_and_an_image_beside_another_change_nothing() -> None:
    model = reddish_or_bluish().requires_grad_(False).train()
    alone = grad_cam(model, red_and_blue(), layer="maps").heat[0]
    beside = grad_cam(model, torch.cat([torch.rand(1, 3, 8, 8), red_and_blue()]), layer="maps").heat[1]
    assert torch.allclose(alone, beside)
    assert model.training
    assert not model.maps._forward_hooks


def test_a_layer_without_maps_is_refused_with_one_that_has_them() -> None:
    model = reddish_or_bluish()
    assert list(map_layers(model, red_and_blue())) == ["maps", "relu"]
    message = r"expected a layer that gives feature maps, found 'flatten', which gives \(1, 2\); take .* example relu$"
    with pytest.raises(UsageError, match=message):
        grad_cam(model, red_and_blue(), layer="flatten")
    with pytest.raises(UsageError, match="this network has none"):
        grad_cam(nn.Sequential(nn.Flatten()), red_and_blue(), layer="0")

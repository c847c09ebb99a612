"""SpeedNet: parameters as published, the shapes of its groups, pooling and scaled logits."""

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import nn

from cifar_cli.export.table import FORMATS
from cifar_cli.models.speednet import ACTIVATIONS, ConvGroup, GlobalMaxPool, SpeedNet, maximum_over_maps
from cifar_cli.models.table import SpeedNetKeys


def test_speednet_counts_its_parameters_as_published() -> None:
    model = SpeedNet(image_shape=(3, 32, 32), num_classes=10)
    whiten = 24 * 12 + 24
    filters = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 256 * 256 + 256 * 256 + 256 * 256)
    norms = 2 * 2 * (64 + 256 + 256)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == whiten + filters + norms + 256 * 10
    assert count == pytest.approx(1.97e6, rel=0.005)  # arXiv:2404.00498, section 3.1


@pytest.mark.parametrize(("side", "maps"), [(32, [31, 15, 7, 3]), (24, [23, 11, 5, 2]), (28, [27, 13, 6, 3])])
def test_speednet_takes_images_of_several_sizes(side: int, maps: list[int]) -> None:
    model = SpeedNet(image_shape=(3, 32, 32), num_classes=10, widths=(4, 6, 8))
    features = model.whiten(torch.zeros(2, 3, side, side))
    sizes = [features.shape[-1]]
    for group in model.groups:
        features = group(features)
        sizes.append(features.shape[-1])
    assert sizes == maps
    assert model(torch.zeros(2, 3, side, side)).shape == (2, 10)


@pytest.mark.parametrize("side", [2, 3])
def test_the_maximum_over_maps_and_its_gradient_are_those_of_torchs_pooling(side: int) -> None:
    torch.manual_seed(0)
    images = torch.randint(4, (8, 5, side, side)).float()  # with equal values in most maps
    upstream = torch.randn(8, 5, 1, 1)

    def output_and_gradient(pool: Callable[[torch.Tensor], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = images.clone().requires_grad_()
        output = pool(inputs)
        output.backward(upstream)
        return output.detach(), inputs.grad

    ours, torchs = output_and_gradient(maximum_over_maps), output_and_gradient(nn.AdaptiveMaxPool2d(1))
    assert all(torch.equal(a, b) for a, b in zip(ours, torchs, strict=True))


def test_logits_of_speednet_are_scaled() -> None:
    model = SpeedNet(image_shape=(3, 32, 32), num_classes=10, widths=(4,), logit_scale=1.0).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    unscaled = model(images)
    model.logit_scale = 0.5
    assert torch.equal(model(images), unscaled / 2)


def test_a_group_of_three_convolutions_adds_the_first_activation() -> None:
    group = ConvGroup(3, 4, depth=3, activation="relu").eval()
    with torch.no_grad():
        group.conv3.weight.zero_()  # then norm3 gives its bias, zero, and the sum is the first part alone
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(group(images), group.act1(group.norm1(group.pool(group.conv1(images)))))


def test_the_key_has_a_value_for_every_activation() -> None:
    assert get_args(SpeedNetKeys.model_fields["activation"].annotation) == tuple(ACTIVATIONS)


def test_onnx_has_the_maximum_over_maps_without_adaptive_pooling() -> None:
    # onnxscript 0.7 with torch 2.11 has no translation of adaptive max pooling.
    for library in FORMATS["onnx"].libraries:
        pytest.importorskip(library)
    program = torch.onnx.export(GlobalMaxPool().eval(), (torch.randn(2, 4, 3, 3),), dynamo=True, verbose=False)
    assert program is not None
    targets = {str(node.target) for node in program.exported_program.graph.nodes}
    assert "aten.amax.default" in targets
    assert not any("adaptive_max" in target for target in targets)

"""Each network by itself: layers, names and parameters counted by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from cifar_cli.models.cnn import CNN
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.models.layer import Layer
from cifar_cli.models.mlp import mlp
from cifar_cli.models.sequential import sequential
from cifar_cli.models.speednet import Group, SpeedNet, maximum_over_maps


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


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
    assert parameters(model) == 2_432 + 25_632 + 51_264 + 65_600 + 650 == 145_578
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert [name for name, _ in model.named_children()][:2] == ["conv1", "pool1"]
    assert type(model) is nn.Sequential


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
    assert parameters(model) == 784 * 10 + 10


def test_cnn_counts_its_parameters_as_worked_by_hand() -> None:
    model = CNN(image_shape=(3, 32, 32), num_classes=10, widths=(8, 16))
    # Convolutions have no bias; each BatchNorm has a scale and a shift per channel.
    first = 9 * 3 * 8 + 2 * 8 + 9 * 8 * 8 + 2 * 8
    second = 9 * 8 * 16 + 2 * 16 + 9 * 16 * 16 + 2 * 16
    assert parameters(model) == first + second + 16 * 10 + 10


def test_each_block_of_the_cnn_halves_the_picture() -> None:
    model = CNN(image_shape=(3, 32, 32), num_classes=10, widths=(4, 6, 8))
    features, sizes = torch.zeros(2, 3, 32, 32), []
    for block in model.blocks:
        features = block(features)
        sizes.append(tuple(features.shape[1:]))
    assert sizes == [(4, 16, 16), (6, 8, 8), (8, 4, 4)]


def test_pooling_before_the_normalisation_of_a_block_gives_what_pooling_after_it_gives() -> None:
    # With a scale that keeps its sign, the largest of normalised values is the normalised largest value; the
    # statistics differ in training, so this holds for the averages that evaluation uses.
    block = CNN(image_shape=(3, 8, 8), num_classes=10, widths=(4,)).blocks[0].eval()
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        block.norm1.running_mean.uniform_(-1, 1)
        convolved = block.conv1(images)
        assert torch.allclose(block.norm1(block.pool(convolved)), block.pool(block.norm1(convolved)))


def test_speednet_counts_its_parameters_as_published() -> None:
    model = SpeedNet(image_shape=(3, 32, 32), num_classes=10)
    whiten = 24 * 12 + 24
    filters = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 256 * 256 + 256 * 256 + 256 * 256)
    norms = 2 * 2 * (64 + 256 + 256)
    assert parameters(model) == whiten + filters + norms + 256 * 10
    assert parameters(model) == pytest.approx(1.97e6, rel=0.005)  # arXiv:2404.00498, section 3.1


@pytest.mark.parametrize(("side", "maps"), [(32, [31, 15, 7, 3]), (24, [23, 11, 5, 2]), (28, [27, 13, 6, 3])])
def test_speednet_takes_pictures_of_several_sizes(side: int, maps: list[int]) -> None:
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


def test_a_group_of_three_convolutions_adds_what_its_first_gave() -> None:
    group = Group(3, 4, depth=3, activation="relu").eval()
    with torch.no_grad():
        group.conv3.weight.zero_()  # then norm3 gives its bias, zero, and the sum is the first part alone
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(group(images), group.act1(group.norm1(group.pool(group.conv1(images)))))


@pytest.mark.parametrize(("is_training", "differs"), [(True, True), (False, False)])
def test_dropout_of_the_cnn_works_in_training_alone(is_training: bool, differs: bool) -> None:
    torch.manual_seed(0)
    model = CNN(image_shape=(3, 8, 8), num_classes=10, widths=(4,), dropout=0.5).train(is_training)
    model.blocks.eval()  # BatchNorm would change its averages from call to call
    images = torch.randn(4, 3, 8, 8)
    assert torch.equal(model(images), model(images)) is not differs


def test_evaluating_gives_each_module_its_own_mode_back_also_after_an_error() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1).eval(), nn.Dropout(), nn.Sequential(nn.ReLU()))
    with eval_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, False, True, True, True]
    with pytest.raises(RuntimeError, match="broken"), eval_mode(model):
        raise RuntimeError("broken")
    assert [module.training for module in model.modules()] == [True, False, True, True, True]

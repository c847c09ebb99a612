"""The layers that layer decay counts, held against the depths that papers and timm give networks."""

import pytest
import torch
from torch import nn

from cifar_cli.builders.build_model import build_meta_model
from cifar_cli.config import load_text, to_flow_yaml
from cifar_cli.models.table import MODELS
from cifar_cli.optim.layer_order import layer_scales, layers_in_order


def network(name: str, **keys: object) -> nn.Module:
    text = f"model: {to_flow_yaml({'name': name, **keys})}"
    return build_meta_model(load_text(text, location="a test"))


@pytest.mark.parametrize("name", [name for name, keys in MODELS.items() if not keys.is_own])
def test_every_parameter_of_every_network_is_in_one_layer_and_the_class_scores_in_the_last(name: str) -> None:
    model = network(name, **(MODELS[name].example if MODELS[name].lists_layers else {}))
    layers = list(layers_in_order(model).values())
    names = [each for layer in layers for each in layer]
    assert sorted(names) == sorted(each for each, _ in model.named_parameters())
    weights = {each: parameter for each, parameter in model.named_parameters() if parameter.dim() > 1}
    (head,) = [each for each in layers[-1] if each in weights]
    assert len(weights[head]) == 10
    assert all(any(each in weights for each in layer) for layer in layers)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("lenet5", 5),  # LeCun et al. 1998: two convolutions, three linear layers
        ("resnet20", 11),  # a stem, nine blocks of two convolutions, a head
        ("resnet50", 18),  # 3 + 4 + 6 + 3 blocks
        ("wide_resnet28_10", 14),  # three stages of four blocks
        ("vgg16_bn", 16),  # its name: 13 convolutions and three linear layers
        ("mobilenet_v2", 20),  # 17 blocks, two convolutions and a head
        ("densenet_bc_100_12", 52),  # 3 x 16 dense layers, two transitions
        ("vit_tiny", 14),  # twelve blocks: layers 0 to 13 of BEiT
        ("cct_7_3x1", 10),  # seven blocks, and the pooling of the sequence
    ],
)
def test_networks_have_the_layers_that_their_papers_count(name: str, layers: int) -> None:
    assert len(layers_in_order(network(name))) == layers


def test_norms_count_with_the_layer_before_them_and_tokens_with_the_first() -> None:
    layers = layers_in_order(network("vit_tiny"))
    assert layers["patches"] == ["class_token", "positions", "patches.weight", "patches.bias"]
    assert layers["blocks.11"][-2:] == ["norm.weight", "norm.bias"]
    assert layers_in_order(network("resnet20"))["conv1"] == ["conv1.weight", "norm1.weight", "norm1.bias"]


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), nn.Linear(4, 4)])


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.norm = nn.LayerNorm(4)
        self.stages = nn.ModuleList([nn.Sequential(Residual()), nn.Sequential(Residual(), Residual())])
        self.scale = nn.PReLU()


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(4, 10)
        self.shared = self.head


class Wrapper(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net


def test_a_persons_own_network_is_taken_apart_down_to_its_blocks() -> None:
    layers = layers_in_order(Network())
    assert list(layers) == ["backbone.stages.0", "backbone.stages.1.0", "backbone.stages.1.1", "head"]
    first = ["backbone.token", "backbone.norm.weight", "backbone.norm.bias"]
    assert layers["backbone.stages.0"][:3] == first
    assert layers["backbone.stages.1.1"][-1] == "backbone.scale.weight"
    wrapped = layers_in_order(Wrapper(Network()))
    assert list(wrapped.values()) == [[f"net.{name}" for name in names] for names in layers.values()]


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)), Wrapper(nn.Linear(2, 2))])
def test_a_network_of_one_layer_has_one(model: nn.Module) -> None:
    assert [len(names) for names in layers_in_order(model).values()] == [2]


def test_a_network_without_weights_is_one_layer() -> None:
    assert layers_in_order(nn.Sequential(nn.BatchNorm1d(3), nn.PReLU())) == {"": ["0.weight", "0.bias", "1.weight"]}


def test_the_scale_is_the_decay_to_the_power_of_the_layers_that_follow() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.LayerNorm(1), nn.ReLU(), nn.Linear(1, 1, bias=False), nn.Linear(1, 1))
    assert layer_scales(model, 0.5) == {
        **dict.fromkeys(["0.weight", "0.bias", "1.weight", "1.bias"], 0.25),
        "3.weight": 0.5,
        **dict.fromkeys(["4.weight", "4.bias"], 1.0),
    }

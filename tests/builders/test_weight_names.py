"""Weights of torchvision's and of pytorch-cifar's residual networks fit ours, whose layers have other names."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet as torchvision_resnet

from cifar_cli.builders.build_model import build_model
from cifar_cli.builders.initial_weights import copy_into, find_initial_weights
from cifar_cli.builders.weight_names import names_here
from cifar_cli.config import Experiment, load_text

BLOCKS = {"resnet18": torchvision_resnet.BasicBlock, "resnet50": torchvision_resnet.Bottleneck}


def given_network(name: str, *, num_classes: int = 10) -> nn.Module:
    """Returns torchvision's network with a block in each of two stages and random running statistics."""
    network = torchvision_resnet.ResNet(BLOCKS[name], [1, 1, 1, 1], num_classes=num_classes)
    network.layer3, network.layer4 = nn.Identity(), nn.Identity()
    network.fc = nn.Linear(128 * BLOCKS[name].expansion, num_classes)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    return network


def experiment_of(name: str) -> Experiment:
    return load_text(f"model: {{name: {name}, blocks: [1, 1]}}\n", location="x.yaml")


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_torchvisions_network_for_small_images_gives_the_same_logits_here(
    name: str, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = given_network(name)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()  # as for CIFAR-10
    torch.save({prefix + key: value for key, value in theirs.state_dict().items()}, tmp_path / "x.pth")
    ours = build_model(experiment_of(name))
    copy_into(ours, find_initial_weights(tmp_path / "x.pth", experiment_of(name)))
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), rtol=1e-4, atol=1e-4)
    said = capsys.readouterr().err
    tensors = len(theirs.state_dict())
    assert f"took {tensors} of {tensors} tensors" in said
    assert re.search(
        r"read \d+ names of another program as ours: (model\.conv1|bn1)\.weight is (conv1|norm1)\.weight here", said
    )
    assert "warning" not in said


def test_of_torchvisions_network_for_large_images_all_but_stem_and_head_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = given_network("resnet18", num_classes=1000)
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "x.pth")
    found = find_initial_weights(tmp_path / "x.pth", experiment_of("resnet18"))
    said = capsys.readouterr().err
    assert len(found.tensors) == len(theirs.state_dict()) - 3
    assert "the head (fc.weight, fc.bias) is left as drawn" in said
    assert "left as drawn:\n  of another shape in the file:\n    conv1.weight 64×3×7×7, here 64×3×3×3" in said


def test_names_of_pytorch_cifar_become_ours() -> None:
    theirs = ("bn1.weight", "layer2.0.shortcut.0.weight", "layer2.0.shortcut.1.bias", "linear.bias", "head.weight")
    four_stages = ("norm1.weight", "stages.1.0.shortcut.conv.weight", "stages.1.0.shortcut.norm.bias", "fc.bias")
    assert tuple(names_here(theirs, four_stages).values()) == (*four_stages, "head.weight")
    three_stages = ("norm1.weight", "stage2.0.shortcut.conv.weight", "stage2.0.shortcut.norm.bias", "fc.bias")
    assert tuple(names_here(theirs, three_stages).values()) == (*three_stages, "head.weight")
    assert names_here(["layer2.0.shortcut.0.weight"], ["stages.1.0.shortcut.weight"]) == {
        "layer2.0.shortcut.0.weight": "stages.1.0.shortcut.weight"  # preact_resnet18, whose shortcut has no BatchNorm
    }


def test_the_attribute_that_holds_a_network_may_be_in_the_file_or_in_the_network() -> None:
    assert names_here(["model.conv1.weight"], ["conv1.weight"]) == {"model.conv1.weight": "conv1.weight"}
    assert names_here(["bn1.weight"], ["backbone.bn1.weight"]) == {"bn1.weight": "backbone.bn1.weight"}


def test_a_name_that_the_network_has_stays_and_no_two_become_one() -> None:
    assert names_here(["bn1.weight", "norm1.weight"], ["norm1.weight"]) == {
        "bn1.weight": "bn1.weight",
        "norm1.weight": "norm1.weight",
    }
    own = ["model.0.weight", "model.1.weight"]
    assert names_here(own, own) == {name: name for name in own}


def test_a_file_of_which_little_fits_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"fc.bias": torch.ones(10)}, tmp_path / "x.pth")
    find_initial_weights(tmp_path / "x.pth", experiment_of("resnet18"))
    assert "warning: left as drawn, which is most of the network:\n" in capsys.readouterr().err

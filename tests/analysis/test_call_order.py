"""The order in which layers are called, and the activation that one runs into."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from cifar_cli.analysis.call_order import activation_after, called_layers, layers_of_scores
from cifar_cli.models.cnn import CNN

IMAGES = torch.rand(2, 3, 8, 8)


class Shuffled(nn.Module):
    """Defined in another order than called; one layer is called twice, one never."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(4, 4, 1)
        self.act = nn.ReLU()
        self.unused = nn.Linear(1, 1)
        self.first = nn.Conv2d(3, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.act(self.last(self.act(self.first(images))))


def test_layers_come_in_the_order_of_their_first_call() -> None:
    assert called_layers(Shuffled(), IMAGES) == ["first", "act", "last"]


def test_blocks_are_followed_into_their_layers() -> None:
    model = CNN(image_shape=(3, 8, 8), num_classes=4, widths=(4,))
    block = [f"blocks.0.{name}" for name in ("conv1", "pool", "norm1", "relu1", "conv2", "norm2", "relu2")]
    assert called_layers(model, IMAGES) == [*block, "pool", "flatten", "dropout", "fc"]


def test_the_activation_is_found_through_pooling_and_normalization_also_where_it_works_in_place() -> None:
    model = CNN(image_shape=(3, 8, 8), num_classes=4, widths=(4, 4))
    assert activation_after(model, IMAGES, layer="blocks.0.conv1") == "blocks.0.relu1"
    assert activation_after(model, IMAGES, layer="blocks.1.norm2") == "blocks.1.relu2"


def test_there_is_none_where_another_layer_comes_first_or_the_layer_is_one() -> None:
    layers = OrderedDict(a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(4, 4, 1), relu=nn.ReLU(), flatten=nn.Flatten())
    model = nn.Sequential(layers)
    assert activation_after(model, IMAGES, layer="a") is None
    assert activation_after(model, IMAGES, layer="b") == "relu"
    assert activation_after(model, IMAGES, layer="relu") is None
    assert activation_after(model, IMAGES, layer="flatten") is None


def test_scores_are_what_the_last_mixing_layer_gives_and_what_is_made_of_it() -> None:
    act, norm = nn.ReLU(), nn.BatchNorm1d(4)
    layers = OrderedDict(flatten=nn.Flatten(), hidden=nn.Linear(192, 4), act=act, head=nn.Linear(4, 4), norm=norm)
    assert layers_of_scores(nn.Sequential(layers), IMAGES) == {"head", "norm"}


def test_a_layer_that_is_called_before_the_last_mixing_one_too_gives_no_scores() -> None:
    assert layers_of_scores(Shuffled(), IMAGES) == {"last"}


def test_where_nothing_mixes_every_layer_may_give_scores() -> None:
    model = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))
    assert layers_of_scores(model, IMAGES) == {"pool", "flatten"}

"""The sheet of the tutorials' reshape: the words on it, and the colours."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor, nn

from cifar_cli.analysis.capture import LayerView, capture
from cifar_cli.errors import UsageError
from cifar_cli.figures.tutorial_sheet import draw_tutorial_sheet


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def view(layer: nn.Module, images: Tensor) -> LayerView:
    return capture(nn.Sequential(OrderedDict(layer=layer)), images, layer="layer")


def test_tutorial_sheet_says_what_its_pictures_are() -> None:
    images = torch.rand(2, 3, 8, 8)
    layer = nn.Conv2d(3, 6, 3)
    text = words(draw_tutorial_sheet(view(layer, images), images=images, labels=["bird", "airplane"], title="run"))
    whole = " ".join(text)
    assert "torch.reshape(output, (-1, 3, 6, 6)) turns (2, 6, 6, 6) into (4, 3, 6, 6)" in whole
    assert "That makes 4 pictures of 2 images. Picture number 2 belongs to image number 1." in whole
    assert "it mixes three channels that have nothing to do with each other, so the colours mean nothing" in whole
    assert text[-4:] == ["0: channels 0, 1, 2", "0: channels 3, 4, 5", "1: channels 0, 1, 2", "1: channels 3, 4, 5"]
    assert "1: airplane" in text


def test_tutorial_sheet_shows_values_as_tensorboard_would() -> None:
    images = torch.zeros(1, 3, 8, 8)
    images[:, 0], images[:, 1], images[:, 2] = -1.0, 0.2, 7.0
    figure = draw_tutorial_sheet(view(nn.Identity(), images), images=images, labels=["bird"])
    assert np.asarray(figure.axes[0].images[-1].get_array())[0, 0].tolist() == [0, 51, 255]
    assert any("33 %" in word for word in words(figure))


def test_tutorial_sheet_refuses_channels_that_are_not_in_threes() -> None:
    images = torch.rand(1, 3, 8, 8)
    with pytest.raises(UsageError, match=r"divisible by 3; this layer gives \(1, 4, 6, 6\)"):
        draw_tutorial_sheet(view(nn.Conv2d(3, 4, 3), images), images=images, labels=["bird"])

"""The sheet of a layer over time: its words, and one scale for all times."""

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor

from cifar_cli.figures.over_time_sheet import draw_over_time_sheet

TIMES = ["untrained", "epoch 1\nval 25.0 %"]


def draw(features: Tensor, *, filters: Tensor | None = None, num_channels: int | None = None) -> Figure:
    return draw_over_time_sheet(
        "conv1",
        signature="Conv2d",
        times=TIMES,
        features=features,
        filters=filters,
        picture=torch.zeros(3, 8, 8, dtype=torch.uint8),
        num_channels=num_channels or features.shape[1],
        title="demo",
        facts=["2 of 2."],
    )


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_a_channel_has_one_scale_over_all_times_and_each_tile_its_own_range() -> None:
    features = torch.tensor([[[[0.0, 1.0]]], [[[0.0, 4.0]]]])  # 2 times, 1 channel of 1 × 2
    figure = draw(features)
    tiles = [np.asarray(image.get_array()) for image in figure.axes[0].images if image.get_array().shape[:2] == (1, 2)]
    viridis = matplotlib.colormaps["viridis"](range(256), bytes=True)[:, :3]
    assert tiles[0][0].tolist() == [viridis[0].tolist(), viridis[64].tolist()]  # a quarter of the highest value
    assert tiles[1][0].tolist() == [viridis[0].tolist(), viridis[255].tolist()]
    text = words(figure)
    for expected in ("conv1 over time", "untrained", "epoch 1", "val 25.0 %", "0 … 1", "0 … 4"):
        assert expected in text
    assert "its filters" not in text


def test_filters_stand_beside_the_maps_around_mid_grey() -> None:
    filters = torch.tensor([[[[[1.0]]]], [[[[-2.0]]]]])  # 2 times, one filter of one weight
    figure = draw(torch.rand(2, 1, 4, 4), filters=filters)
    pictures = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    weights = [picture[0, 0].tolist() for picture in pictures if picture.shape[:2] == (1, 1)]
    assert weights == [[191] * 3, [0] * 3]
    assert "its filters" in words(figure)


def test_a_vector_is_a_strip_for_each_time() -> None:
    text = words(draw(torch.tensor([[-1.0, 2.0, 0.5], [-3.0, 1.0, 0.0]])))
    assert {"epoch 1, val 25.0 %", "−1 … 2", "−3 … 1", "negative", "positive"} <= set(text)


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_a_layer_that_diverged_is_drawn_too(broken: float) -> None:
    features = torch.rand(2, 1, 4, 4)
    features[1] = broken
    assert "no finite number" in words(draw(features))


def test_channels_that_are_left_out_are_counted() -> None:
    features = torch.rand(2, 20, 4, 4)
    assert any(line.startswith("The first 16 of 64 channels. ") for line in words(draw(features, num_channels=64)))
    assert any(line.startswith("All 3 channels. ") for line in words(draw(features[:, :3])))

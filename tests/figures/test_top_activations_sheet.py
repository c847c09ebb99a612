"""The sheet of top activations: the names of its units, and their filters."""

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from cifar_cli.analysis.capture import capture
from cifar_cli.analysis.top_activations import top_activations
from cifar_cli.data.normalize import to_unit
from cifar_cli.figures.top_activations_sheet import draw_top_activations_sheet

CLASSES = ("airplane", "automobile", "bird")


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_channels_that_are_as_many_as_the_classes_are_no_classes() -> None:
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    conv = nn.Conv2d(3, 3, (1, 5))
    model = nn.Sequential(conv)
    top = top_activations(model, images, layer="0", preprocess=to_unit, per_unit=2, max_units=3)
    figure = draw_top_activations_sheet(
        capture(model, to_unit(images[:1]), layer="0"),
        top,
        images=images,
        labels=["ship"] * 4,
        class_names=CLASSES,
        receptive_field=None,
        title="",
        facts=[],
    )
    assert {"0", "1", "2"} <= set(words(figure))
    assert not set(CLASSES) & set(words(figure))
    filters = [image for image in figure.axes[0].images if image.get_array().shape[:2] == (1, 5)]
    assert len(filters) == 3
    for left, right, bottom, top in (image.get_extent() for image in filters):
        assert right - left == pytest.approx(5 * (bottom - top))  # in its own shape


def test_a_sheet_of_many_units_stays_a_page_that_can_be_read() -> None:
    images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
    model = nn.Sequential(nn.Conv2d(3, 64, 3))
    top = top_activations(model, images, layer="0", preprocess=to_unit, per_unit=4, max_units=32)
    figure = draw_top_activations_sheet(
        capture(model, to_unit(images[:1]), layer="0"),
        top,
        images=images,
        labels=["automobile"] * 6,
        class_names=CLASSES,
        receptive_field=None,
        title="run sequential-20260101-120000, best weights (epoch 10), on cifar10 test images",
        facts=[],
    )
    width, height = figure.get_size_inches()
    assert 0.5 < width / height < 2  # the shape of a screen or of a sheet of paper, not of a roll
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8
    figure.draw_without_rendering()
    boxes = {text.get_text(): text.get_window_extent() for text in figure.findobj(Text)}
    heading = next(box for text, box in boxes.items() if text == "0: largest activations")
    source = next(box for text, box in boxes.items() if text.startswith("run sequential"))
    assert not heading.overlaps(source)

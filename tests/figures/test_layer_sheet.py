"""The sheet of a layer: the words on it, and pixels of the written PNG at known places."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from torch import Tensor, nn

from cifar_cli.analysis.capture import LayerView, capture
from cifar_cli.figures.layer_sheet import draw_layer_sheet
from cifar_cli.figures.save_png import save_png
from cifar_cli.figures.style import DPI

CLASSES = ("airplane", "automobile", "bird")


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def view(layer: nn.Module, images: Tensor) -> LayerView:
    return capture(nn.Sequential(OrderedDict(layer=layer)), images, layer="layer")


def pixel(path: Path, *, x: float, y: float) -> tuple[int, ...]:
    """The colour at (x, y), in inches from the upper left corner."""
    with Image.open(path) as image:
        return image.convert("RGB").getpixel((round(x * DPI), round(y * DPI)))


def test_the_name_of_a_row_stands_between_the_image_and_the_values_however_long_it_is() -> None:
    images = torch.rand(1, 3, 8, 8)
    relu = capture(nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), relu=nn.ReLU())), images, layer="relu")
    name = "encoder.blocks.0.activation"
    figure = draw_layer_sheet(
        view(nn.Conv2d(3, 4, 3), images), images=images, labels=["bird"], after=replace(relu, name=name)
    )
    (label,) = [text for text in figure.findobj(Text) if text.get_text() == name]
    box = label.get_window_extent()
    pictures = [picture.get_window_extent() for picture in figure.axes[0].images]
    left_column = [picture.xmax for picture in pictures if picture.xmin == min(picture.xmin for picture in pictures)]
    values = [picture.xmin for picture in pictures if picture.xmin > max(left_column)]
    assert max(left_column) < box.xmin
    assert box.xmax < min(values)


def test_sheet_says_what_the_layer_is_and_what_it_made_of_each_image() -> None:
    images = torch.rand(2, 3, 8, 8)
    figure = draw_layer_sheet(
        view(nn.Conv2d(3, 4, 3), images),
        images=images,
        labels=["bird", "airplane"],
        predictions=["bird", "automobile"],
        title="sequential · test images",
    )
    text = words(figure)
    for expected in (
        "layer",
        "Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))",
        "Shape: (2, 3, 8, 8) → (2, 4, 6, 6).",
        "sequential · test images",
        "Input: the image itself.",
        "bird",
        "✓ bird",
        "airplane",
        "✗ automobile",
    ):
        assert expected in text
    caption = "Output: all 4 channels; each on its own scale over these images (blue: negative, white: 0, red: positive"
    assert caption in " ".join(text)
    assert text.count("3") == 3  # the last channel's number: once in the legend, once an image
    assert "in" not in text


def test_written_sheet_holds_the_image_and_the_tiles_where_they_belong(tmp_path: Path) -> None:
    images = torch.zeros(1, 3, 8, 8)
    images[:, 0, :, 4:] = 1.0  # right half red
    images[:, 1] = 0.5
    figure = draw_layer_sheet(view(nn.Identity(), images), images=images, labels=["bird"])
    path = save_png(figure, tmp_path / "deep" / "sheet.png")
    extents = sorted(tuple(image.get_extent()) for image in figure.axes[0].images)  # left, right, bottom, top
    with Image.open(path) as image:
        assert image.size == tuple(np.round(figure.get_size_inches() * DPI).astype(int))
    assert pixel(path, x=0.05, y=0.05) == (255, 255, 255)
    picture, ramp = (box for box in extents[:2])
    if picture[2] < ramp[2]:
        picture, ramp = ramp, picture
    middle = (picture[2] + picture[3]) / 2
    assert pixel(path, x=picture[0] + 0.2, y=middle) == (0, 128, 0)
    assert pixel(path, x=picture[1] - 0.2, y=middle) == (255, 128, 0)
    red, green, blue = extents[2::2]  # of the input; the output's are beneath
    dark, bright = (68, 1, 84), (253, 231, 36)  # viridis's ends: #440154 and #fde725
    assert pixel(path, x=red[0] + 0.3, y=middle) == dark
    assert np.abs(np.subtract(pixel(path, x=red[1] - 0.3, y=middle), bright)).max() <= 1
    assert pixel(path, x=green[0] + 0.3, y=middle) == dark  # constant, whatever its value
    assert red[1] < green[0] < green[1] < blue[0]
    assert "always 0.5" in words(figure)


def test_input_of_a_deeper_layer_is_drawn_beside_the_image() -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.MaxPool2d(2))
    images = torch.rand(1, 3, 8, 8)
    figure = draw_layer_sheet(capture(model, images, layer="1"), images=images, labels=["bird"])
    text = words(figure)
    assert "in" in text
    assert "out" in text
    assert any(line.startswith("Input: 32 of 64 channels; each on one scale for input and output") for line in text)
    assert any(line.startswith("Output: 32 of 64 channels;") for line in text)
    assert len(figure.axes[0].images) == 1 + 1 + 32 + 32  # the image, the legend's scale of colours, the tiles


def test_a_filter_of_one_row_is_drawn_in_its_own_shape() -> None:
    images = torch.rand(1, 3, 8, 8)
    figure = draw_layer_sheet(view(nn.Conv2d(3, 2, (1, 5)), images), images=images, labels=["bird"])
    drawn = [image for image in figure.axes[0].images if image.get_array().shape[:2] == (1, 5)]
    assert len(drawn) == 2
    for image in drawn:
        left, right, bottom, top = image.get_extent()
        assert right - left == pytest.approx(5 * (bottom - top))


def test_class_scores_are_bars_under_the_classes_names() -> None:
    images = torch.tensor([[[[1.0, -2.0, 0.5]]]])
    model = nn.Sequential(OrderedDict(flatten=nn.Flatten()))
    figure = draw_layer_sheet(
        capture(model, images, layer="flatten"), images=images, labels=["bird"], class_names=CLASSES
    )
    text = words(figure)
    assert {*CLASSES, "1", "−2", "0.5"} <= set(text)
    bold = [item.get_text() for item in figure.findobj(Text) if item.get_weight() == "bold"]
    assert "airplane" in bold  # the largest score
    assert "automobile" not in bold
    # Widths stand to each other as the scores do.
    widths = [patch.get_width() for patch in figure.axes[0].patches if np.isclose(patch.get_height(), 0.1)]
    assert np.allclose(np.array(widths) / widths[0], [1.0, -2.0, 0.5])


def test_vectors_that_are_no_class_scores_are_strips() -> None:
    images = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    figure = draw_layer_sheet(view(nn.Flatten(), images), images=images, labels=["bird"], class_names=CLASSES)
    assert any(
        line.startswith("Output: 64 values, read row by row, 32 to a row; −1 … 1 (blue: neg") for line in words(figure)
    )


def test_a_hundred_class_scores_are_a_strip_too() -> None:
    images = torch.rand(1, 1, 10, 10)
    names = [f"class {number}" for number in range(100)]
    figure = draw_layer_sheet(view(nn.Flatten(), images), images=images, labels=["bird"], class_names=names)
    assert "class 7" not in words(figure)


def test_no_text_leaves_the_page_or_lies_on_another(tmp_path: Path) -> None:
    images = torch.rand(2, 3, 16, 16)
    figure = draw_layer_sheet(
        view(nn.Conv2d(3, 40, 3), images),
        images=images,
        labels=["bird", "automobile"],
        predictions=["automobile", "automobile"],
        title="sequential-20260101-120000 · CIFAR-10 test images",
    )
    save_png(figure, tmp_path / "sheet.png")  # drawn, so that every text has its place
    page = figure.bbox
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    boxes = [box for box in boxes if box.width > 0]
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)
    for number, box in enumerate(boxes):
        for other in boxes[number + 1 :]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            along = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(across, along) <= 1  # pixels


def test_a_layer_that_works_channel_by_channel_has_its_input_in_the_colours_of_its_output(tmp_path: Path) -> None:
    images = torch.tensor([[[[-1.0, 2.0]], [[0.0, 1.0]], [[0.5, 0.25]]]])
    figure = draw_layer_sheet(view(nn.ReLU(), images), images=images.clamp(0, 1), labels=["bird"])
    text = words(figure)
    assert text.count("red") == text.count("green") == text.count("blue") == 3  # the legend, the input, the output
    scale = "each on one scale for input and output over these images (blue: negative, white: 0, red: positive"
    assert f"Input: all 3 channels; {scale}" in " ".join(text)
    tiles = [np.asarray(image.get_array()) for image in figure.axes[0].images if image.get_array().shape[:2] == (1, 2)]
    before, after = tiles[1:4], tiles[4:]  # the first is the image
    assert (before[0][0, 1] == after[0][0, 1]).all()  # 2 on a scale to 2, before and after
    assert (after[0][0, 0] >= 246).all()  # 0 is white; the input's −1 was blue
    assert before[0][0, 0, 2] > before[0][0, 0, 0] + 50


def test_a_pooling_keeps_the_scale_of_what_it_reads() -> None:
    images = torch.tensor([[[[0.0, 0.5], [0.25, 0.0]]]])
    figure = draw_layer_sheet(view(nn.AvgPool2d((1, 2)), images), images=images, labels=["bird"])
    pooled = [np.asarray(image.get_array()) for image in figure.axes[0].images if image.get_array().shape[:2] == (2, 1)]
    viridis = matplotlib.colormaps["viridis"]
    expected = [[int(part) for part in viridis(place, bytes=True)[:3]] for place in (128, 64)]  # 0.25 and 0.125 of 0.5
    assert pooled[0][:, 0].tolist() == expected

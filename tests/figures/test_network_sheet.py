"""The sheet of all layers."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from cifar_cli.figures import network_sheet
from cifar_cli.figures.canvas import Canvas


@pytest.mark.parametrize(
    ("name", "first"),
    [("conv1", "conv1"), ("features.denseblock1.denselayer16.conv2", "features.denseblock1."), ("on" * 90, None)],
)
def test_a_layers_name_is_whole_and_ends_before_the_image_beside_it(name: str, first: str | None) -> None:
    canvas = Canvas()
    below = network_sheet._draw_name(canvas, name, y=0.0)
    figure = canvas.finish(width=network_sheet.PAGE_WIDTH, height=9.0)
    FigureCanvasAgg(figure).draw()
    lines = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
    assert "".join(line.get_text() for line in lines) == name
    assert first is None or lines[0].get_text() == first
    boxes = [line.get_window_extent().transformed(canvas.axes.transData.inverted()) for line in lines]
    assert max(box.x1 for box in boxes) < network_sheet.IMAGE_LEFT
    assert max(line.get_position()[1] for line in lines) < below

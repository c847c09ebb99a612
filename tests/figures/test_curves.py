"""Curves of the lessons: no text lies on a curve."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from cifar_cli.figures.curves import curves_figure
from cifar_cli.lessons import loss, optimizer


def optimizer_figure() -> Figure:
    return optimizer.draw(optimizer.summed_losses(), optimizer.summed_losses(zero_grad=False))


@pytest.mark.parametrize("draw", [loss.draw, optimizer_figure])
def test_no_text_of_a_lesson_lies_on_a_curve(draw) -> None:
    figure = draw()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    covered = []
    for axes in figure.axes:
        legend = axes.get_legend()
        texts = [*axes.texts, *(legend.get_texts() if legend else [])]
        for text in texts:
            # Of an annotation, the words alone: its arrow points at a curve.
            box = Text.get_window_extent(text, canvas.get_renderer())
            for line in axes.lines:
                corners = line.get_transform().transform(line.get_xydata())
                along = np.linspace(0, len(corners) - 1, 5000)
                x, y = (np.interp(along, range(len(corners)), column) for column in corners.T)
                if ((box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1)).any():
                    covered.append(text.get_text())
    assert covered == []


def test_a_long_title_is_broken_into_lines_within_the_picture() -> None:
    figure, _ = curves_figure(
        "WWW of a long-name-of-an-experiment-sweep-20261128-145808: " + "its trials " * 6, panels=1
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (title,) = figure.texts
    assert title.get_window_extent(canvas.get_renderer()).x1 <= figure.bbox.x1

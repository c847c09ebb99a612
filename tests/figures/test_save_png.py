"""Written figures: their bytes, and what is left in their folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from cifar_cli.figures.confusion_matrix import draw_confusion
from cifar_cli.figures.save_png import save_png


def test_the_same_figure_gives_the_same_bytes_and_leaves_no_part_behind(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        figure = Figure()
        figure.text(0.5, 0.5, "a layer")
        assert save_png(figure, tmp_path / name) == tmp_path / name
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes().lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("title", [r"a$\frac$b", "b\udcffd"], ids=["mathtext", "not UTF-8"])
def test_a_title_may_be_the_name_of_any_file(title: str, tmp_path: Path) -> None:
    matrix = torch.tensor([[3, 1], [0, 2]])
    path = save_png(draw_confusion(matrix, class_names=(r"a$\frac$b", "frog"), title=title), tmp_path / "a.png")
    with Image.open(path) as picture:
        assert np.asarray(picture.convert("L")).min() < 100


def test_dollar_signs_are_drawn_as_they_are(tmp_path: Path) -> None:
    figures = [draw_confusion(torch.eye(2).long(), class_names=("a", "b"), title=title) for title in ("$x$", "x")]
    assert [figure.texts[0].get_text() for figure in figures] == ["$x$", "x"]
    with_dollars, without = (figure.texts[0].get_window_extent().width for figure in figures)
    assert with_dollars > 2 * without


def test_characters_that_the_font_lacks_give_one_warning(tmp_path: Path) -> None:
    figure = Figure()
    figure.text(0.5, 0.5, "中文中")
    with pytest.warns(UserWarning, match="font") as caught:
        save_png(figure, tmp_path / "a.png")
    assert [str(warning.message) for warning in caught] == [
        f"{tmp_path}/a.png: the picture's font lacks 中 文, which are boxes in it"
    ]

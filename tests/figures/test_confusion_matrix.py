"""The confusion matrix: its numbers, and shades where they belong."""

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from cifar_cli.figures.confusion_matrix import draw_confusion


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_rows_are_true_classes_with_counts_fractions_and_accuracies() -> None:
    matrix = torch.tensor([[6, 2, 0], [1, 9, 0], [0, 0, 0]])
    figure = draw_confusion(matrix, class_names=["cat", "dog", "frog"], title="eval")
    text = words(figure)
    assert {"eval", "cat", "dog", "frog", "6", "2", "9", "75.0 %", "90.0 %", "–"} <= set(text)
    assert "15 of 18 right, 83.33 %" in text
    fractions = np.asarray(figure.axes[0].images[0].get_array())
    assert np.allclose(fractions, [[0.75, 0.25, 0], [0.1, 0.9, 0], [0, 0, 0]])
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    two = next(item for item in axes.texts if item.get_text() == "2")
    assert two.get_position() == (1, 0)  # column: predicted dog; row: true cat


def test_a_hundred_classes_have_names_and_accuracies_but_no_counts() -> None:
    names = [f"class {number}" for number in range(100)]
    figure = draw_confusion(torch.eye(100, dtype=torch.int64) * 77, class_names=names)
    text = words(figure)
    assert "77" not in text
    assert {"class 0", "class 99", "100.0 %"} <= set(text)


def test_a_thousand_classes_give_a_picture_without_names_that_fits_into_memory() -> None:
    names = [f"class {number}" for number in range(1000)]
    figure = draw_confusion(torch.eye(1000, dtype=torch.int64), class_names=names)
    assert not any(word.startswith("class ") for word in words(figure))
    assert max(figure.get_size_inches()) < 30


def test_a_name_with_dollar_signs_is_no_formula_and_a_long_one_is_cut() -> None:
    figure = draw_confusion(torch.eye(3, dtype=torch.int64), class_names=["$x_$", "cost $5 $", "x" * 100], title="$\\$")
    figure.canvas.draw()
    assert {"$x_$", "cost $5 $", "x" * 23 + "…", "$\\$"} <= set(words(figure))


def test_no_images_at_all_are_said() -> None:
    assert "no images" in words(draw_confusion(torch.zeros(2, 2, dtype=torch.int64), class_names=["a", "b"]))


def test_no_text_leaves_the_page() -> None:
    names = ["a rather long class name", "b", "another long class name"]
    figure = draw_confusion(
        torch.eye(3, dtype=torch.int64), class_names=names, title="Confusion matrix: a run, test set"
    )
    figure.canvas.draw()
    page = figure.bbox
    for text in figure.findobj(Text):
        box = text.get_window_extent()
        if text.get_text() and box.width > 0:
            inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
            assert inside, text.get_text()

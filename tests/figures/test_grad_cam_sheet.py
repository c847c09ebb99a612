"""The sheet of Grad-CAM for many classes."""

import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from cifar_cli.analysis.grad_cam import GradCam
from cifar_cli.figures.grad_cam_sheet import GAP, SIDE, draw_grad_cam_sheet
from cifar_cli.figures.style import MARGIN


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_a_hundred_class_scores_stay_beside_their_image() -> None:
    names = [f"class {number}" for number in range(100)]
    figure = draw_grad_cam_sheet(
        GradCam(heat=torch.rand(2, 4, 4), logits=torch.randn(2, 100), classes=torch.tensor([1, 2])),
        layer="conv",
        module=nn.Conv2d(3, 4, 3),
        images=torch.rand(2, 3, 8, 8),
        labels=["class 1", "class 2"],
        class_names=names,
        title="",
        facts=[],
    )
    assert figure.get_figheight() < 8
    assert sum(word.startswith("class ") for word in words(figure)) <= 2


def test_long_class_names_stay_beneath_their_picture_and_beside_the_next() -> None:
    names = [f"a class name that somebody has written {number}" for number in range(3)]
    figure = draw_grad_cam_sheet(
        GradCam(heat=torch.rand(2, 4, 4), logits=torch.randn(2, 3), classes=torch.tensor([1, 2])),
        layer="conv",
        module=nn.Conv2d(3, 4, 3),
        images=torch.rand(2, 3, 8, 8),
        labels=names[:2],
        class_names=names,
        title="",
        facts=[],
    )
    figure.canvas.draw()
    drawn = [text for text in figure.findobj(Text) if "a class" in text.get_text()]
    boxes = [text.get_window_extent().transformed(figure.dpi_scale_trans.inverted()) for text in drawn]  # inches
    columns = [MARGIN + column * (SIDE + GAP) for column in range(4)]
    assert len(boxes) == 2 * 2 + 2 * 3  # a label and a prediction, and the names of three bars, for each image
    for box in boxes:
        assert any(left - 0.01 <= box.x0 and box.x1 <= left + SIDE + 0.01 for left in columns)

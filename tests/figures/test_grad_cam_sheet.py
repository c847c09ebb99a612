"""The sheet of Grad-CAM for many classes."""

import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from cifar_cli.analysis.grad_cam import GradCam
from cifar_cli.figures.grad_cam_sheet import draw_grad_cam_sheet


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

"""Draws Grad-CAM: each image, the heat laid over it, the heat alone, and the scores of the classes."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli import formatting
from cifar_cli.analysis.describe_layer import signature
from cifar_cli.analysis.grad_cam import GradCam
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.colours import UNSIGNED_MAP, heat_colours
from cifar_cli.figures.heading import draw_heading, draw_rule
from cifar_cli.figures.image_with_box import draw_prediction
from cifar_cli.figures.scaling import fraction_of, to_bytes, to_pictures
from cifar_cli.figures.style import MARGIN, PALE
from cifar_cli.figures.value_rows import value_row

SIDE, GAP, SCORES_WIDTH = 1.5, 0.15, 7.0  # inches
HEAT_OPACITY = 0.75  # where the heat is largest; where it is 0, only the image is visible
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright red, green and blue look


def draw_grad_cam_sheet(
    cam: GradCam,
    *,
    layer: str,
    module: nn.Module,
    images: Tensor,
    labels: Sequence[str],
    class_names: Sequence[str],
    title: str,
    facts: Sequence[str],
    are_labelled: bool = True,
) -> Figure:
    """Returns a sheet with a line per image.

    images: (B, 1 or 3, H, W), uint8 or float in [0, 1]; labels: a class name per image, or without `are_labelled` what
    the image is called; class_names: of the logits.
    """
    pictures = to_pictures(images)
    scores = value_row(cam.logits, max_channels=len(class_names), class_names=class_names, max_width=SCORES_WIDTH)
    page_width = 2 * MARGIN + 3 * (SIDE + GAP) + scores.width
    canvas = Canvas()
    y = draw_heading(
        canvas,
        f"{layer}: Grad-CAM",
        title=title,
        signature=signature(module),
        facts=facts,
        captions=[
            "From left to right: the image; the heat over the grey image, enlarged smoothly; the heat as the layer "
            f"gives it, pixel by pixel, from 0 (dark) to its largest value in this image (bright); {scores.caption}"
        ],
        page_width=page_width,
    )
    heat_x = MARGIN + 2 * (SIDE + GAP)
    canvas.colour_scale(UNSIGNED_MAP, x=heat_x, y=y + 0.08, width=SIDE, ends=("0", "largest"))
    y += 0.25
    highest = cam.heat.amax(dim=(1, 2))  # (B,)
    unit_heat = fraction_of(cam.heat, highest[:, None, None])
    overlays, heats = _overlays(pictures, unit_heat), heat_colours(unit_heat)
    for index, label in enumerate(labels):
        y = draw_rule(canvas, y=y, page_width=page_width)
        for column, picture in enumerate((pictures[index], overlays[index], heats[index])):
            canvas.picture(picture, x=MARGIN + column * (SIDE + GAP), y=y, width=SIDE, height=SIDE)
        beneath = y + SIDE + 0.06
        canvas.write(label, x=MARGIN, y=beneath, size=9, bold=True, max_width=SIDE)
        predicted = class_names[int(cam.classes[index])]
        if are_labelled:
            draw_prediction(canvas, predicted, label, x=MARGIN + SIDE + GAP, y=beneath, max_width=SIDE)
        else:
            canvas.write(predicted, x=MARGIN + SIDE + GAP, y=beneath, size=9, max_width=SIDE)
        largest = highest[index].item()
        values = formatting.value_range(0, largest) if largest > 0 else "no evidence"
        canvas.write(values, x=heat_x, y=beneath, size=8, colour=PALE)
        bottom = scores.draw(canvas, index, x=MARGIN + 3 * (SIDE + GAP), y=y + 0.05)
        y = max(y + SIDE + 0.25, bottom)
    return canvas.finish(width=page_width, height=y + 0.15)


def _overlays(pictures: Tensor, heat: Tensor) -> Tensor:
    """Returns pictures uint8 (B, 3, H, W) in grey with the heat (B, h, w), in [0, 1], over them."""
    large = F.interpolate(heat[:, None], size=pictures.shape[-2:], mode="bilinear", align_corners=False)  # (B, 1, H, W)
    grey = (pictures.float() / 255 * torch.tensor(GREY).view(3, 1, 1)).sum(dim=1, keepdim=True)
    opacity = HEAT_OPACITY * large
    return to_bytes(opacity * heat_colours(large[:, 0]).float() / 255 + (1 - opacity) * grey)

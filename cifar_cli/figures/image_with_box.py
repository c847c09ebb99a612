"""Draws an image with a frame around the pixels that a unit sees. Knows nothing of how they were found."""

from torch import Tensor

from cifar_cli.analysis.receptive_field import PixelBox
from cifar_cli.figures.canvas import FRAME, Canvas


def draw_image_with_box(
    canvas: Canvas, picture: Tensor, frame: PixelBox | None, *, x: float, y: float, width: float, points: float = 1.2
) -> float:
    """Draws a picture, uint8 (3, H, W), with the frame, and returns the y beneath; x, y, width in inches."""
    rows, columns = picture.shape[-2:]
    pixel = width / columns
    canvas.picture(picture, x=x, y=y, width=width, height=rows * pixel)
    if frame is not None:
        canvas.frame(
            x=x + frame.left * pixel,
            y=y + frame.top * pixel,
            width=(frame.right - frame.left) * pixel,
            height=(frame.bottom - frame.top) * pixel,
            colour=FRAME,
            points=points,
        )
    return y + rows * pixel

"""Draws an image, the box of a receptive field on it, and its label with the prediction."""

from torch import Tensor

from cifar_cli.analysis.receptive_field import PixelBox
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.style import BAD, BOX, GOOD


def draw_image_with_box(
    canvas: Canvas, picture: Tensor, box: PixelBox | None, *, x: float, y: float, width: float, points: float = 1.2
) -> float:
    """Draws a picture, uint8 (3, H, W), with the box, and returns the y beneath; x, y, width in inches."""
    rows, columns = picture.shape[-2:]
    pixel = width / columns
    canvas.picture(picture, x=x, y=y, width=width, height=rows * pixel)
    if box is not None:
        canvas.frame(
            x=x + box.left * pixel,
            y=y + box.top * pixel,
            width=(box.right - box.left) * pixel,
            height=(box.bottom - box.top) * pixel,
            colour=BOX,
            points=points,
        )
    return y + rows * pixel


def draw_prediction(
    canvas: Canvas, predicted: str, label: str, *, x: float, y: float, max_width: float, size: float = 9
) -> None:
    """Writes the predicted class, green with a ✓ if it is the label, else red with a ✗."""
    mark, colour = ("✓", GOOD) if predicted == label else ("✗", BAD)
    canvas.write(f"{mark} {predicted}", x=x, y=y, size=size, colour=colour, max_width=max_width)

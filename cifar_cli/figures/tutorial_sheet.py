"""Draws a layer's output the way many tutorials do, as false-colour pictures, and says beside them what they are."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView
from cifar_cli.analysis.describe_layer import signature
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.heading import draw_heading
from cifar_cli.figures.scaling import to_bytes, to_pictures
from cifar_cli.figures.style import MARGIN, PALE
from cifar_cli.figures.tiles import tutorial_tiles

# In inches.
SIDE, GAP, LABEL_HEIGHT = 1.15, 0.12, 0.2
COLUMNS = 8  # as many as TensorBoard sets in a row
PAGE_WIDTH = 2 * MARGIN + COLUMNS * (SIDE + GAP) - GAP


def draw_tutorial_sheet(view: LayerView, *, images: Tensor, labels: Sequence[str], title: str = "") -> Figure:
    """Returns a sheet of two grids: the images, and the layer's output reshaped to pictures of three channels each.

    images: (B, 1 or 3, H, W), uint8 or float in [0, 1]; labels: a class name per image. Raises UsageError where the
    output's channels do not come out even in threes. Values are shown as TensorBoard shows them: 0 and less are black,
    1 and more are full colour.
    """
    colours = to_bytes(tutorial_tiles(view.output).detach().float().cpu())  # (B·C/3, 3, H, W)
    per_image = len(colours) // len(view.output)
    canvas = Canvas()
    y = draw_heading(
        canvas,
        view.name,
        title=title,
        signature=signature(view.module),
        facts=_explanation(view.output, tuple(colours.shape), per_image),
        captions=[],
        page_width=PAGE_WIDTH,
    )
    image_names = [f"{index}: {label}" for index, label in enumerate(labels)]
    y = _draw_grid(canvas, "input", to_pictures(images), image_names, y=y + 0.07)
    channels = [f"{3 * part}, {3 * part + 1}, {3 * part + 2}" for part in range(per_image)]
    picture_names = [f"{index}: channels {names}" for index in range(len(view.output)) for names in channels]
    y = _draw_grid(canvas, "output, reshaped", colours, picture_names, y=y + 0.1)
    return canvas.finish(width=PAGE_WIDTH, height=y + 0.2)


def _explanation(output: Tensor, reshaped: tuple[int, ...], per_image: int) -> list[str]:
    batch, channels, rows, columns = output.shape
    negative = formatting.percent((output < 0).float().mean().item(), decimals=0)
    misplaced = f" Picture number {per_image} belongs to image number 1." if per_image > 1 and batch > 1 else ""
    return [
        f"What it is: torch.reshape(output, (-1, 3, {rows}, {columns})) turns {tuple(output.shape)} into {reshaped}, "
        "which TensorBoard's add_images takes for colour pictures.",
        f"What it shows: the {channels} channels of an image, three at a time, as red, green and blue. "
        f"That makes {reshaped[0]} pictures of {batch} images.{misplaced}",
        "Why it misleads: it mixes three channels that have nothing to do with each other, so the colours mean "
        f"nothing; all negative values, {negative} here, are black.",
        "The usual mode draws a tile per channel instead.",
    ]


def _draw_grid(canvas: Canvas, heading: str, pictures: Tensor, names: Sequence[str], *, y: float) -> float:
    canvas.write(heading, x=MARGIN, y=y, size=11, bold=True)
    top = y + 0.28
    height = SIDE * pictures.shape[2] / pictures.shape[3]
    row_height = height + LABEL_HEIGHT + 0.08
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        row, column = divmod(number, COLUMNS)
        x, picture_top = MARGIN + column * (SIDE + GAP), top + row * row_height
        canvas.picture(picture, x=x, y=picture_top, width=SIDE, height=height)
        canvas.write(name, x=x, y=picture_top + height + 0.04, size=7.5, colour=PALE, max_width=SIDE)
    rows = (len(names) - 1) // COLUMNS + 1
    return top + rows * row_height

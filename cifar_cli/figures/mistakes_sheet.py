"""Draws the images that a network is most wrong about, for TensorBoard."""

from collections.abc import Sequence

from PIL import Image, ImageDraw
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.worst_mistakes import WorstMistakes
from cifar_cli.figures.mosaic import compose, enlarge, in_rows, to_image
from cifar_cli.figures.picture_text import TEXT_SIZE, fitting, write
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import BAD, INK, PALE, PAPER

COLUMNS = 4  # TensorBoard shows a picture some 350 pixels wide; more images would be too small to read
IMAGE_PIXELS = 100  # an image is enlarged by the whole number that brings its longer side nearest
CELL_WIDTH = 104  # pixels: room for a class name such as automobile, and its probability
LINE_HEIGHT, GAP = TEXT_SIZE + 4, 10


def draw_mistakes(mistakes: WorstMistakes, images: Tensor, *, class_names: Sequence[str], count: int) -> Tensor:
    """Returns a picture uint8 (3, height, width) of the mistakes; its size depends on `count` alone.

    images: uint8 (M, C, H, W), of the M mistakes, M at most `count`. Under each image stand its true class, the
    predicted class with its probability, and the loss.
    """
    cells = []
    for picture, label, predicted, probability, loss in zip(
        enlarge(to_pictures(images), side=IMAGE_PIXELS),
        mistakes.labels.tolist(),
        mistakes.predicted.tolist(),
        mistakes.probabilities.tolist(),
        mistakes.losses.tolist(),
        strict=True,
    ):
        percent = f" {formatting.percent(probability, decimals=0)}"
        lines = ((class_names[label], "", INK), (class_names[predicted], percent, BAD), (f"loss {loss:.2f}", "", PALE))
        cells.append(_cell(to_image(picture), lines))
    height, width = enlarge(images.new_empty(1, *images.shape[2:]), side=IMAGE_PIXELS).shape[-2:]
    cells += [_cell(Image.new("RGB", (width, height), PAPER))] * (count - len(cells))
    captions = [
        f"{len(mistakes.labels)} of {formatting.count(mistakes.wrong, 'mistake')} on "
        f"{formatting.count(mistakes.total, 'image')}, the worst first",
        "black: the true class; red: the prediction and its probability",
    ]
    return compose(in_rows(cells, COLUMNS), captions=captions, gap=GAP)


def _cell(image: Image.Image, lines: Sequence[tuple[str, str, str]] = ()) -> Image.Image:
    """Returns an image with room for three lines beneath it, each a text, an end that is never cut, and a colour."""
    cell = Image.new("RGB", (max(image.width, CELL_WIDTH), image.height + 3 * LINE_HEIGHT), PAPER)
    cell.paste(image)
    pen = ImageDraw.Draw(cell)
    for line, (text, end, colour) in enumerate(lines):
        write(pen, fitting(text, end, width=cell.width), at=(0, image.height + line * LINE_HEIGHT), fill=colour)
    return cell

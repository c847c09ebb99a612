"""Composes the grey tiles of a layer into one labelled picture for TensorBoard."""

from collections.abc import Iterator

from PIL import Image, ImageDraw
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.capture import as_maps
from cifar_cli.figures.mosaic import GAP, compose, enlarge, in_rows, to_image
from cifar_cli.figures.picture_text import write
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import INK, PAPER
from cifar_cli.figures.tiles import channel_tiles, filter_tiles, vector_tiles

TILE_PIXELS, FILTER_PIXELS = 64, 48  # a tile's longer side is enlarged by the whole number that brings it nearest
CHANNELS_PER_LINE = 8  # TensorBoard shows a picture some 350 pixels wide; more tiles would be too small to see
MAX_CHANNELS = 32
MAX_FILTERS, MAX_INPUTS = 64, 16


def feature_grid(features: Tensor, *, images: Tensor) -> Tensor:
    """Returns a picture uint8 (3, height, width): for each image, the image itself and then a grey tile per channel.

    features: (B, C, H, W), or (B, F), which is drawn as one strip; images: (B, 1 or 3, h, w), uint8 or float in [0, 1].
    Each channel goes from its lowest value over these images (black) to its highest (white). Eight channels stand in a
    line; a line that begins with +8 holds channels 8 to 15.
    """
    pictures = [to_image(picture) for picture in enlarge(to_pictures(images), side=TILE_PIXELS)]
    maps = as_maps(features)
    if maps is None:
        vectors = features.flatten(1)
        strips = enlarge(vector_tiles(vectors).pixels, side=TILE_PIXELS * CHANNELS_PER_LINE)
        rows = [[picture, *map(to_image, strip)] for picture, strip in zip(pictures, strips, strict=True)]
        caption = (
            f"{formatting.count(vectors.shape[1], 'value')}, read row by row; black: the lowest, white: the highest"
        )
        return compose(rows, captions=[caption], column_names=["image", ""])
    shown = min(maps.shape[1], MAX_CHANNELS)
    tiles = enlarge(channel_tiles(maps[:, :shown]).pixels, side=TILE_PIXELS)  # (B, shown, h, w)
    rows = [line for picture, own in zip(pictures, tiles, strict=True) for line in _lines(picture, own)]
    names = [str(channel) for channel in range(min(shown, CHANNELS_PER_LINE))]
    count = (
        formatting.count(shown, "channel") if shown == maps.shape[1] else f"first {shown} of {maps.shape[1]} channels"
    )
    caption = f"{count}; black: a channel's lowest value, white: its highest"
    return compose(rows, captions=[caption], column_names=["image", *names])


def filter_grid(weight: Tensor) -> Tensor:
    """Returns a convolution's filters (O, I, kH, kW) as a picture uint8 (3, height, width); mid-grey is a weight of 0.

    Filters on one or three input channels are a grey or colour tile each. Deeper filters are a row per output channel
    with a grey tile per input channel, the first 16 of each. Each filter has a scale of its own.
    """
    outputs, inputs = weight.shape[:2]
    if inputs in (1, 3):
        shown = min(outputs, MAX_FILTERS)
        images = [to_image(tile) for tile in enlarge(filter_tiles(weight[:shown]), side=FILTER_PIXELS)]
        count = formatting.count(shown, "filter") if shown == outputs else f"first {shown} of {outputs} filters"
        caption = f"{count} on {formatting.count(inputs, 'input channel')}, row by row; grey: 0"
        return compose(in_rows(images, CHANNELS_PER_LINE), captions=[caption])
    tiles = enlarge(filter_tiles(weight)[:MAX_INPUTS, :MAX_INPUTS], side=FILTER_PIXELS)
    names = [str(channel) for channel in range(tiles.shape[1])]
    rows = f"{len(tiles)} of {formatting.count(outputs, 'filter')}"
    columns = f"{len(names)} of {formatting.count(inputs, 'input channel')}"
    caption = f"rows: {rows}; columns: {columns}; grey: 0"
    return compose([list(map(to_image, row)) for row in tiles], captions=[caption], column_names=names)


def _lines(picture: Image.Image, tiles: Tensor) -> Iterator[list[Image.Image]]:
    """Yields an image's channels (C, h, w) line by line; the first line begins with the image itself."""
    for start in range(0, len(tiles), CHANNELS_PER_LINE):
        first = _line_label(f"+{start}", size=picture.size) if start else picture
        yield [first, *map(to_image, tiles[start : start + CHANNELS_PER_LINE])]


def _line_label(text: str, *, size: tuple[int, int]) -> Image.Image:
    label = Image.new("RGB", size, PAPER)
    write(ImageDraw.Draw(label), text, at=(size[0] - GAP, size[1] / 2), fill=INK, size=15, anchor="rm")
    return label

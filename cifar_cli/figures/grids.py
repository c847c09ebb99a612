"""Composes tiles into one labelled picture for TensorBoard. Knows nothing of TensorBoard; draws with PIL, for speed."""

from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from cifar_cli.analysis.capture import as_maps
from cifar_cli.figures.mosaic import GAP, INK, WHITE, Mosaic, compose
from cifar_cli.figures.tiles import channel_tiles, filter_tiles, to_pictures, vector_tiles

TILE_PIXELS = 64  # a tile is enlarged by the whole number that brings its longer side nearest to this
MAX_FILTERS = 64
CHANNELS_PER_LINE = 8  # TensorBoard shows a picture some 350 pixels wide; more would be too small to see


def feature_grid(features: Tensor, *, images: Tensor, max_channels: int = 32) -> Tensor:
    """Returns a picture uint8 (3, height, width): for each image, the image itself and then a grey tile per channel.

    features: (B, C, H, W), or (B, F), which is drawn as one strip; images: (B, 1 or 3, h, w), uint8 or float in [0, 1].
    Each channel goes from its lowest value over these images (black) to its highest (white). Eight channels stand in a
    line; a line that begins with +8 holds channels 8 to 15.
    """
    return compose(feature_mosaic(features, images=images, max_channels=max_channels))


def feature_mosaic(features: Tensor, *, images: Tensor, max_channels: int = 32) -> Mosaic:
    """Returns what `feature_grid` is composed of; in each row, the first picture is no channel."""
    pictures = [_image(picture) for picture in _enlarge(to_pictures(images))]
    maps = as_maps(features)
    if maps is None:
        vectors = features.flatten(1)
        strips = _enlarge(vector_tiles(vectors).pixels, side=TILE_PIXELS * CHANNELS_PER_LINE)
        rows = [[picture, *map(_image, strip)] for picture, strip in zip(pictures, strips, strict=True)]
        caption = f"{vectors.shape[1]} values, read row by row; black: the lowest, white: the highest"
        return Mosaic(rows, caption, ["image", ""])
    shown = min(maps.shape[1], max_channels)
    tiles = _enlarge(channel_tiles(maps[:, :shown]).pixels)  # (B, shown, h, w)
    rows = [line for picture, own in zip(pictures, tiles, strict=True) for line in _lines(picture, own)]
    names = [str(channel) for channel in range(min(shown, CHANNELS_PER_LINE))]
    count = f"{shown} channels" if shown == maps.shape[1] else f"first {shown} of {maps.shape[1]} channels"
    caption = f"{count}; black: a channel's lowest value, white: its highest"
    return Mosaic(rows, caption, ["image", *names])


def _lines(picture: Image.Image, tiles: Tensor) -> Iterator[list[Image.Image]]:
    """Yields an image's channels (C, h, w) line by line; the image itself begins the first."""
    for start in range(0, len(tiles), CHANNELS_PER_LINE):
        beginning = _label(f"+{start}", size=picture.size) if start else picture
        yield [beginning, *map(_image, tiles[start : start + CHANNELS_PER_LINE])]


def _label(text: str, *, size: tuple[int, int]) -> Image.Image:
    tile = Image.new("RGB", size, WHITE)
    pen = ImageDraw.Draw(tile)
    pen.text((size[0] - GAP, size[1] / 2), text, fill=INK, font=ImageFont.load_default(size=16), anchor="rm")
    return tile


def filter_grid(weight: Tensor, *, max_filters: int = MAX_FILTERS, max_inputs: int = 16) -> Tensor:
    """Returns a convolution's filters (O, I, kH, kW) as a picture uint8 (3, height, width); mid-grey is a weight of 0.

    Filters on one or three input channels are a grey or colour tile each. Deeper ones are a row per output channel with
    a grey tile per input channel, the first 16 of each. Each filter has a scale of its own.
    """
    return compose(filter_mosaic(weight, max_filters=max_filters, max_inputs=max_inputs))


def filter_mosaic(weight: Tensor, *, max_filters: int = MAX_FILTERS, max_inputs: int = 16) -> Mosaic:
    """Returns what `filter_grid` is composed of."""
    outputs, inputs = weight.shape[:2]
    if inputs in (1, 3):
        shown = min(outputs, max_filters)
        images = [_image(tile) for tile in _enlarge(filter_tiles(weight[:shown]), side=TILE_PIXELS - 16)]
        count = f"{shown} filters" if shown == outputs else f"first {shown} of {outputs} filters"
        rows = [images[start : start + CHANNELS_PER_LINE] for start in range(0, shown, CHANNELS_PER_LINE)]
        return Mosaic(rows, f"{count} on {inputs} input channel{'s' if inputs > 1 else ''}, row by row; grey: 0")
    tiles = _enlarge(filter_tiles(weight)[:max_inputs, :max_inputs], side=TILE_PIXELS - 16)
    names = [str(channel) for channel in range(tiles.shape[1])]
    caption = f"rows: {len(tiles)} of {outputs} filters; columns: {len(names)} of {inputs} input channels; grey: 0"
    return Mosaic([list(map(_image, row)) for row in tiles], caption, names)


def _enlarge(tiles: Tensor, *, side: int = TILE_PIXELS) -> Tensor:
    """Repeats the pixels of tiles (..., H, W) so often that the longer side comes near to `side`, and never shrinks."""
    factor = max(1, round(side / max(tiles.shape[-2:])))
    return tiles.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)


def _image(tile: Tensor) -> Image.Image:
    """Makes a PIL image of a uint8 tile (H, W), (1, H, W) or (3, H, W)."""
    if tile.dim() == 3 and tile.shape[0] == 3:
        return Image.fromarray(tile.permute(1, 2, 0).contiguous().numpy())
    return Image.fromarray(tile.reshape(tile.shape[-2:]).numpy())

"""Draws one image's values in a layer as a row: a tile per channel, a strip, or a bar per class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.capture import as_maps
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.colours import ColourTiles, colour_strips, colour_tiles, colour_tiles_together
from cifar_cli.figures.style import BAR, FAINT, INK, PALE

# In inches.
ROW_WIDTH = 11.2
COLUMNS = 16
LARGEST_TILE = 1.6
GAP = 0.08
NUMBER_HEIGHT = 0.13  # a channel's number stands above its tile
STRIP_HEIGHT, STRIP_CELL = 0.55, 0.35
MAX_BARS = 20  # more class scores than this are a strip: a hundred bars an image would fill a page each
BAR_PITCH, BAR_HEIGHT, BAR_NAMES_WIDTH, BAR_WIDTH, BAR_VALUE_WIDTH = 0.135, 0.1, 0.95, 5.0, 0.45


class ValueRow(Protocol):
    """Draws the values of one image at a time, all images to the same scale."""

    def draw(self, canvas: Canvas, index: int, *, x: float, y: float) -> float:
        """Draws image number `index` from (x, y), in inches, and returns the y beneath."""
        ...

    @property
    def width(self) -> float:
        """Inches from the left to the right end."""
        ...

    @property
    def caption(self) -> str:
        """How to read the row."""
        ...


def value_row(
    values: Tensor,
    *,
    max_channels: int,
    class_names: Sequence[str] = (),
    columns: int = COLUMNS,
    max_width: float = ROW_WIDTH,
    is_scale_shared: bool = False,
    channel_names: Sequence[str] = (),
) -> ValueRow:
    """Returns the row that suits values (B, ...): tiles for maps, bars for a score per class, else a strip.

    columns: tiles in a line; max_width: inches; is_scale_shared: all channels on one scale instead of one each;
    channel_names: above the tiles, instead of numbers.
    """
    maps = as_maps(values)
    if maps is not None:
        tiles = colour_tiles(maps[:, :max_channels], is_scale_shared=is_scale_shared)
        return TileRow(
            tiles, total=maps.shape[1], max_columns=columns, max_width=max_width, channel_names=tuple(channel_names)
        )
    vectors = values.flatten(1).float().cpu()
    if vectors.shape[1] == len(class_names) <= MAX_BARS:
        return BarRow(vectors, tuple(class_names))
    return StripRow(colour_strips(vectors), total=vectors.shape[1], max_width=max_width)


def rows_on_one_scale(
    before: Tensor, after: Tensor, *, max_channels: int, channel_names: Sequence[str]
) -> list[ValueRow]:
    """Returns the rows of two maps (B, C, H, W) with the same channels, each channel on one scale for both."""
    tiles = colour_tiles_together([maps[:, :max_channels] for maps in (before, after)])
    scale = "each on one scale for input and output"
    return [TileRow(own, total=before.shape[1], channel_names=tuple(channel_names), scale=scale) for own in tiles]


def colour_names(pixels: Tensor) -> Sequence[str]:
    """Returns the names of the channels of a network's input (B, C, H, W), none for an image without colours."""
    return ("red", "green", "blue") if pixels.shape[1] == 3 else ()


@dataclass(frozen=True)
class TileRow:
    """A coloured tile per channel, each under its number, in lines of up to `max_columns`, `max_width` inches long.

    total: how many channels the layer has; the tiles may be the first few of them. channel_names: none for numbers.
    scale: what the colours of a channel span.
    """

    tiles: ColourTiles
    total: int
    max_columns: int = COLUMNS
    max_width: float = ROW_WIDTH
    channel_names: tuple[str, ...] = ()
    scale: str = "each on its own scale"

    @property
    def shown(self) -> int:
        return self.tiles.pixels.shape[1]

    @property
    def columns(self) -> int:
        return min(self.max_columns, self.shown)

    @property
    def tile_width(self) -> float:
        return min(LARGEST_TILE, (self.max_width + GAP) / self.columns - GAP)

    @property
    def width(self) -> float:
        return self.columns * (self.tile_width + GAP) - GAP

    @property
    def lines(self) -> int:
        return math.ceil(self.shown / self.columns)

    @property
    def caption(self) -> str:
        channels = formatting.count(self.total, "channel")
        shown = f"{self.shown} of" if self.shown < self.total else "all"
        return f"{shown} {channels}; {self.scale} over these images ({self.tiles.legend})."

    def name(self, channel: int) -> str:
        return self.channel_names[channel] if self.channel_names else str(channel)

    def place(self, channel: int, *, line_height: float) -> tuple[float, float]:
        """Returns the distance of a channel's tile from the row's upper left corner, in inches."""
        line, column = divmod(channel, self.columns)
        return column * (self.tile_width + GAP), line * line_height

    def draw(self, canvas: Canvas, index: int, *, x: float, y: float) -> float:
        width, height = self.tile_width, tile_height(self.tiles.pixels, width=self.tile_width)
        line_height = NUMBER_HEIGHT + height + 0.07
        for channel, pixels in enumerate(self.tiles.pixels[index]):
            right, down = self.place(channel, line_height=line_height)
            left, top = x + right, y + down + NUMBER_HEIGHT
            canvas.write(self.name(channel), x=left, y=y + down + 0.02, size=6.5, colour=PALE)
            canvas.picture(pixels, x=left, y=top, width=width, height=height)
            if self.tiles.is_signed:  # white is zero, and would vanish on the page
                canvas.frame(x=left, y=top, width=width, height=height, colour=FAINT, points=0.4)
        return y + self.lines * line_height


@dataclass(frozen=True)
class StripRow:
    """A vector as one strip of coloured cells, read row by row."""

    strips: ColourTiles
    total: int
    max_width: float = ROW_WIDTH

    @property
    def width(self) -> float:
        return min(self.max_width, self.strips.pixels.shape[-1] * STRIP_CELL)

    @property
    def caption(self) -> str:
        rows, columns = self.strips.pixels.shape[-2:]
        order = "" if rows == 1 else f", read row by row, {columns} to a row"
        values = formatting.value_range(self.strips.low[0].item(), self.strips.high[0].item())
        return f"{formatting.count(self.total, 'value')}{order}; {values} ({self.strips.legend})."

    def draw(self, canvas: Canvas, index: int, *, x: float, y: float) -> float:
        rows, columns = self.strips.pixels.shape[-2:]
        height = max(STRIP_HEIGHT, self.width * rows / columns)
        canvas.picture(self.strips.pixels[index, 0], x=x, y=y, width=self.width, height=height)
        canvas.frame(x=x, y=y, width=self.width, height=height, colour=FAINT, points=0.4)
        return y + height + 0.07


@dataclass(frozen=True)
class BarRow:
    """A score per class, float32 (B, K), as bars from a common zero line, the largest score dark."""

    scores: Tensor
    class_names: tuple[str, ...]

    @property
    def width(self) -> float:
        return BAR_NAMES_WIDTH + BAR_WIDTH + 2 * BAR_VALUE_WIDTH

    @property
    def caption(self) -> str:
        longest = formatting.number(self._longest)
        return f"a score per class, as bars from 0; the dark one is the largest; longest bar: {longest}."

    @property
    def _longest(self) -> float:
        return self.scores.nan_to_num().abs().max().item()

    def draw(self, canvas: Canvas, index: int, *, x: float, y: float) -> float:
        scores = self.scores[index].nan_to_num()
        inches = BAR_WIDTH / (2 * self._longest or 1.0)
        zero = x + BAR_NAMES_WIDTH + BAR_VALUE_WIDTH + BAR_WIDTH / 2
        best = int(scores.argmax())
        for row, (name, score) in enumerate(zip(self.class_names, scores.tolist(), strict=True)):
            middle = y + (row + 0.5) * BAR_PITCH
            is_best = row == best
            canvas.write(
                name,
                x=x + BAR_NAMES_WIDTH,
                y=middle,
                size=7.5,
                align="right",
                vertical="center",
                bold=is_best,
                max_width=BAR_NAMES_WIDTH,
            )
            canvas.bar(
                x=zero,
                y=middle - BAR_HEIGHT / 2,
                width=score * inches,
                height=BAR_HEIGHT,
                colour=INK if is_best else BAR,
            )
            align, beside = ("right", -0.05) if score < 0 else ("left", 0.05)
            canvas.write(
                formatting.number(score),
                x=zero + score * inches + beside,
                y=middle,
                size=6,
                colour=PALE,
                align=align,
                vertical="center",
            )
        bottom = y + len(scores) * BAR_PITCH
        canvas.bar(x=zero - 0.004, y=y, width=0.008, height=bottom - y, colour=PALE)
        return bottom + 0.05


def tile_height(tiles: Tensor, *, width: float) -> float:
    """Returns the height of tiles (..., h, w) of this width: in proportion, but a long one stays on the page."""
    rows, columns = tiles.shape[-2:]
    return width * min(2.0, max(0.2, rows / columns))

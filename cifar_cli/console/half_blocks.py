"""A small picture in a terminal: two pixels in a character, the upper one its colour, the lower one its background."""

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text
from torch import Tensor

UPPER_HALF = "▀"
COLOURS = ("truecolor", "256")  # with the sixteen colours of older terminals no picture can be recognized


def can_show_pictures(console: Console) -> bool:
    """Returns whether the console is a terminal with enough colours, and its encoding has the character."""
    try:
        UPPER_HALF.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return console.is_terminal and not console.no_color and console.color_system in COLOURS


def half_blocks(pixels: Tensor, *, columns: int) -> Text:
    """Returns a square picture, uint8 (1 or 3, H, W), as lines of `columns` characters, an even number."""
    array = pixels.expand(3, *pixels.shape[-2:]).permute(1, 2, 0).contiguous().numpy()
    small = np.asarray(Image.fromarray(array).resize((columns, columns), Image.Resampling.BOX))
    lines = []
    for upper, lower in zip(small[0::2], small[1::2], strict=True):
        line = Text()
        for top, bottom in zip(upper.tolist(), lower.tolist(), strict=True):
            line.append(UPPER_HALF, Style(color=Color.from_rgb(*top), bgcolor=Color.from_rgb(*bottom)))
        lines.append(line)
    return Text("\n").join(lines)

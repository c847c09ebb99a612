"""Writes text on pictures of PIL."""

import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageDraw, ImageFont

from cifar_cli import formatting

TEXT_SIZE = 12  # pixels
NO_CHARACTER = "\U0010ffff"  # stands for nothing, so that each font draws its box for it


@cache
def font(size: int = TEXT_SIZE) -> ImageFont.FreeTypeFont:
    """Returns the font of the other pictures, which comes with matplotlib: PIL's own has no letter with an accent."""
    spec = find_spec("matplotlib")  # found, not imported: a training draws with PIL alone
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


def write(
    pen: ImageDraw.ImageDraw,
    text: str,
    *,
    at: tuple[float, float],
    fill: str,
    size: int = TEXT_SIZE,
    anchor: str | None = None,
) -> None:
    """Writes a line. anchor: as in PIL. Gives a UserWarning for characters that the font lacks; they become boxes."""
    if missing := [character for character in dict.fromkeys(text) if _is_missing(character)]:
        warnings.warn(f"the pictures' font lacks {' '.join(missing)}, which are boxes in them", stacklevel=2)
    pen.text(at, text, fill=fill, font=font(size), anchor=anchor)


def fitting(text: str, end: str = "", *, width: int) -> str:
    """Returns the text and its end; the text is cut so that both fit the width in pixels."""
    text, end = (part.encode("utf-8", "replace").decode() for part in (text, end))  # a file's name may be any bytes
    length = len(text)
    while length > 1 and font().getlength(formatting.shortened(text, length=length) + end) > width:
        length -= 1
    return formatting.shortened(text, length=length) + end


@cache
def _is_missing(character: str) -> bool:
    return not character.isspace() and _pixels(character) == _pixels(NO_CHARACTER)


def _pixels(character: str) -> tuple[tuple[int, int], bytes]:
    mask = font().getmask(character)
    return mask.size, bytes(mask)

"""Writes a figure to a PNG file."""

import re
import warnings
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.text import Text

from cifar_cli.runs.atomic_files import write_atomically


def save_png(figure: Figure, path: Path) -> Path:
    """Writes the figure to `path`, whole or not at all, and returns it; the same figure gives the same bytes.

    Folders on the way are made. Raises RunError where it cannot be written. Gives a UserWarning for characters that the
    font lacks; in the picture they are boxes.
    """
    # Software: matplotlib would write its version, and the bytes would change with it.
    metadata = {"Software": None}
    for text in figure.findobj(Text):
        text.set_text(_encodable(text.get_text()))
    with warnings.catch_warnings(record=True) as caught:
        write_atomically(path, lambda file: figure.savefig(file, format="png", metadata=metadata), make_folders=True)
    _report_missing_glyphs(caught, path)
    return path


def _encodable(text: str) -> str:
    """Returns the text with a question mark for each byte of a file's name that is not UTF-8; no font has those."""
    return text.encode("utf-8", "replace").decode()


def _report_missing_glyphs(caught: list[warnings.WarningMessage], path: Path) -> None:
    """Gives matplotlib's warnings of missing glyphs as one warning, and every other warning as it is."""
    missing = []
    for warning in caught:
        if glyph := re.match(r"Glyph (\d+) .* missing from", str(warning.message)):
            missing.append(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing:
        characters = " ".join(dict.fromkeys(missing))
        warnings.warn(f"{path}: the picture's font lacks {characters}, which are boxes in it", stacklevel=3)

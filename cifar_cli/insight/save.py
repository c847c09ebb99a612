"""Writes a figure to a PNG file. Knows nothing of what is drawn."""

import os
from pathlib import Path

from matplotlib.figure import Figure


def save_png(figure: Figure, path: Path) -> Path:
    """Writes the figure to `path`, whole or not at all, and returns it; the same figure gives the same bytes.

    Folders on the way are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # Software: matplotlib would write its version, and the bytes would change with it.
        figure.savefig(unfinished, format="png", metadata={"Software": None})
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path

"""Writes a figure to a PNG file. Knows nothing of what is drawn."""

import os
from contextlib import suppress
from pathlib import Path

from matplotlib.figure import Figure

from cifar_cli.errors import RunError


def save_png(figure: Figure, path: Path) -> Path:
    """Writes the figure to `path`, whole or not at all, and returns it; the same figure gives the same bytes.

    Folders on the way are made. Raises RunError where it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Software: matplotlib would write its version, and the bytes would change with it.
        figure.savefig(unfinished, format="png", metadata={"Software": None})
        os.replace(unfinished, path)
    except OSError as error:
        raise RunError(
            f"{path}: could not be written: {error.strerror}; free space, or mend the folder's rights"
        ) from error
    finally:
        with suppress(OSError):  # usually it is gone: it has become the file
            unfinished.unlink()
    return path

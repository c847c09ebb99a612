"""Writes a figure to a PNG file."""

from pathlib import Path

from matplotlib.figure import Figure

from cifar_cli.runs.atomic_files import write_atomically


def save_png(figure: Figure, path: Path) -> Path:
    """Writes the figure to `path`, whole or not at all, and returns it; the same figure gives the same bytes.

    Folders on the way are made. Raises RunError where it cannot be written.
    """
    # Software: matplotlib would write its version, and the bytes would change with it.
    metadata = {"Software": None}
    write_atomically(path, lambda file: figure.savefig(file, format="png", metadata=metadata), make_folders=True)
    return path

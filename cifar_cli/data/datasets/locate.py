"""Finds a dataset's root from the path that a person names: the root itself, its data folder, its archive, or above."""

from pathlib import Path, PurePath

from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.errors import UsageError


def locate_root(given: Path, source: DatasetSource) -> Path:
    """Returns the folder that holds the dataset's folder or its archive; `given` itself if neither is found.

    given: that folder, the dataset's folder, its archive, or the folder above. A dataset that names neither a folder
    nor an archive has its files in `given`. Raises UsageError for another file.
    """
    if not source.folder:
        return given
    if given.is_file():
        if given.name == source.archive:
            return given.parent
        raise UsageError(
            f"{given}: expected a folder{f' or {source.archive}' if source.archive else ''}, found another file; "
            f"name the folder that holds {PurePath(source.folder).parts[0]}"
        )
    if holds_dataset(given, source):
        return given
    parts = PurePath(source.folder).parts
    for path in (given.absolute(), given.resolve()):  # a link may have another name than the folder
        for depth in range(len(parts), 0, -1):
            if path.is_dir() and path.parts[-depth:] == parts[:depth]:
                return path.parents[depth - 1]
    below = [path.parent for name in (parts[0], source.archive) if name for path in given.glob(f"*/{name}")]
    for child in sorted(below):
        if holds_dataset(child, source):
            return child
    return given


def holds_dataset(root: Path, source: DatasetSource) -> bool:
    """Returns whether the dataset's folder or its archive is in the root; both may still be incomplete."""
    return (root / source.folder).is_dir() or (source.archive is not None and (root / source.archive).is_file())

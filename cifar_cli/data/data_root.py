"""The folder of the datasets, and why it is that one. Imports no torch."""

import os
from pathlib import Path

from cifar_cli.shell import expand_path


def data_root(root: str | Path | None) -> Path:
    """Returns the folder of the datasets: `root`, else $CIFAR_DATA_DIR, else ./data."""
    if root:
        return expand_path(root, place="data.root")
    return expand_path(os.environ.get("CIFAR_DATA_DIR") or "data", place="CIFAR_DATA_DIR")


def data_root_reason(root: str | Path | None) -> str:
    """Returns why `data_root` returns that folder."""
    if root:
        return "as given"
    return "from CIFAR_DATA_DIR" if os.environ.get("CIFAR_DATA_DIR") else "the default; CIFAR_DATA_DIR changes it"


def has_own_images(root: Path) -> bool:
    """Returns whether a folder has train/<class>/, and nothing else but other splits: no dataset was ever put there."""
    try:
        folders = {entry.name for entry in os.scandir(root) if entry.is_dir()}
        return "train" in folders <= {"train", "test", "val"} and any(
            entry.is_dir() for entry in os.scandir(root / "train")
        )
    except OSError:  # no folder, or one that may not be read, of which opening the dataset tells
        return False

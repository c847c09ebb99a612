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

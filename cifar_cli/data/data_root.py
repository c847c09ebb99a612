"""The folder of the datasets, and why it is that one. Imports no torch."""

import os
from pathlib import Path


def data_root(root: str | Path | None) -> Path:
    """Returns the folder of the datasets: `root`, else $CIFAR_DATA_DIR, else ./data."""
    return Path(root or os.environ.get("CIFAR_DATA_DIR") or "data").expanduser()


def data_root_reason(root: str | Path | None) -> str:
    """Returns why `data_root` returns that folder."""
    if root:
        return "as given"
    return "from CIFAR_DATA_DIR" if os.environ.get("CIFAR_DATA_DIR") else "the default; CIFAR_DATA_DIR changes it"

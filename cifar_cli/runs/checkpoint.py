"""Checkpoints on disk: tensors and plain values only, written whole, read without running code."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.files import write_atomically

FORMAT = 1
REQUIRED_KEYS = ("format", "config", "model", "progress")


def save_checkpoint(path: Path, contents: dict[str, Any]) -> None:
    """Writes `contents` (tensors and plain values) to `path`, replacing it only when the new file is complete."""
    write_atomically(path, lambda file: torch.save({"format": FORMAT, **contents}, file))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Returns what `save_checkpoint` wrote, its tensors on the CPU. Raises CheckpointError for anything else."""
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, found no such file") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: expected tensors and plain values, found something that would have to be run to be read, or no "
            f"checkpoint at all; it was not opened. Use a checkpoint that this program wrote"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path}: expected a whole checkpoint, found a damaged file ({str(error).splitlines()[0]}); "
            f"use the run's other checkpoint, last.pt or best.pt"
        ) from error
    missing = [key for key in REQUIRED_KEYS if not isinstance(contents, dict) or key not in contents]
    if missing:
        raise CheckpointError(
            f"{path}: expected a checkpoint of this program, found a file without {', '.join(missing)}; "
            f"name a run folder, or the checkpoint in one"
        )
    if contents["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: expected checkpoint format {FORMAT}, found {contents['format']}; another version wrote it"
        )
    return dict(contents)

"""Checkpoints on disk: tensors and plain values only, written whole, read without running code."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.files import write_atomically

FORMAT = 1
REQUIRED_KEYS = ("format", "config", "model", "optimizer", "scheduler", "scaler", "random", "totals", "progress")

MEND_ELSEWHERE = "name a run folder, or the checkpoint in one"
MEND_DAMAGED = "use the run's other checkpoint, last.pt or best.pt"


def save_checkpoint(path: Path, contents: dict[str, Any], *, previous: Path | None = None) -> None:
    """Writes `contents` (tensors and plain values) to `path`, and reads it again before it takes the old one's place.

    The old one is kept as `previous` where that is named. Raises RunError where the file cannot be written.
    """
    write_atomically(
        path,
        lambda file: torch.save({"format": FORMAT, **contents}, file),
        check=load_checkpoint,
        previous=previous,
    )


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Returns what `save_checkpoint` wrote, its tensors on the CPU. Raises CheckpointError for anything else."""
    _check_bytes(path)
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: expected tensors and plain values, found something that would have to be run to be read; "
            f"it was not opened. Use a checkpoint that this program wrote"
        ) from error
    except Exception as error:  # in a whole archive of someone else's making, torch may stumble over anything
        raise CheckpointError(
            f"{path}: expected a checkpoint of this program, found another kind of file; {MEND_ELSEWHERE}"
        ) from error
    missing = [key for key in REQUIRED_KEYS if not isinstance(contents, dict) or key not in contents]
    if missing:
        raise CheckpointError(
            f"{path}: expected a checkpoint of this program, found one without {', '.join(missing)}; {MEND_ELSEWHERE}"
        )
    if contents["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: expected checkpoint format {FORMAT}, found {contents['format']}; another version wrote it"
        )
    return dict(contents)


def _check_bytes(path: Path) -> None:
    """Raises CheckpointError unless every byte is as it was written: torch does not compare the file's checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, found no such file; {MEND_ELSEWHERE}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, found: {error.strerror}; {MEND_ELSEWHERE}") from error
    except Exception as error:  # zipfile raises a dozen different ones for broken archives
        raise CheckpointError(
            f"{path}: expected a whole checkpoint, found a part of one, or no checkpoint at all; {MEND_DAMAGED}"
        ) from error
    if damaged:
        raise CheckpointError(f"{path}: expected a whole checkpoint, found damaged bytes in {damaged}; {MEND_DAMAGED}")

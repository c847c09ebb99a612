"""Checkpoints on disk: tensors and plain values only, written whole, read without running code."""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.atomic_files import write_atomically
from cifar_cli.runs.checkpoint_archive import (
    ArchiveFormatError,
    CheckpointArchive,
    DamagedArchiveError,
    open_checkpoint_archive,
)
from cifar_cli.runs.pickle_inspector import PickleCodeError, PickleContentError, inspect_pickle

FORMAT = 1
MAX_CONFIG_CHARACTERS = 2**19  # far more than 10,000 values, the most that are read, take
REQUIRED_KEYS: dict[str, type] = {
    "format": int,
    "config": str,
    "model": dict,
    "optimizer": dict,
    "scheduler": dict,
    "scaler": dict,
    "random": dict,
    "totals": dict,
    "progress": dict,
}

MEND_ELSEWHERE = "name a run folder, or the checkpoint in one"
MEND_DAMAGED = "use the run's other checkpoint, last.pt or best.pt"


def save_checkpoint(path: Path, contents: dict[str, Any], *, previous: Path | None = None) -> None:
    """Writes `contents` (tensors and plain values) to `path`, and reads it again before it takes the old one's place.

    The old one is kept as `previous` where that is named. Raises RunError where the file cannot be written.
    """
    # In memory first: writing to a full disk itself, torch would not tell what is the matter.
    buffer = BytesIO()
    torch.save({"format": FORMAT, **contents}, buffer)
    write_atomically(
        path,
        lambda file: file.write(buffer.getbuffer()),
        check=load_checkpoint,
        previous=previous,
    )


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Returns what `save_checkpoint` wrote, its tensors on the CPU. Raises CheckpointError for anything else.

    What a stranger's file asks for is looked at before any of it is made: a few bytes can ask for terabytes.
    """
    envelope = _open(path)
    try:
        _check_contents(inspect_pickle(envelope.pickled, storage_bytes=envelope.storage_bytes), path)
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except (PickleCodeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path}: expected tensors and plain values, found something that would have to be run to be read; "
            f"it was not opened. Use a checkpoint that this program wrote"
        ) from error
    except PickleContentError as error:
        raise _not_ours(path, str(error)) from error
    except CheckpointError:
        raise
    except Exception as error:  # in a whole archive of someone else's making, torch may stumble over anything
        raise _not_ours(path, "another kind of file") from error
    return dict(contents)


def _open(path: Path) -> CheckpointArchive:
    try:
        return open_checkpoint_archive(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, found no such file; {MEND_ELSEWHERE}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, found: {error.strerror}; {MEND_ELSEWHERE}") from error
    except DamagedArchiveError as error:
        raise CheckpointError(
            f"{path}: expected a whole checkpoint, found damaged bytes in {error}; {MEND_DAMAGED}"
        ) from error
    except ArchiveFormatError as error:
        raise _not_ours(path, str(error)) from error
    except Exception as error:  # zipfile raises a dozen different ones for broken archives
        raise CheckpointError(
            f"{path}: expected a whole checkpoint, found a part of one, or no checkpoint at all; {MEND_DAMAGED}"
        ) from error


def _check_contents(contents: object, path: Path) -> None:
    """Raises CheckpointError unless there is in it, as far as its outline tells, what `save_checkpoint` puts there."""
    missing = [key for key in REQUIRED_KEYS if not isinstance(contents, dict) or key not in contents]
    if missing or not isinstance(contents, dict):
        raise _not_ours(path, f"one without {', '.join(missing)}")
    for key, kind in REQUIRED_KEYS.items():
        if type(contents[key]) is not kind:
            raise _not_ours(path, f"one whose {key} is of another kind")
    if type(contents["progress"].get("epoch")) is not int:
        raise _not_ours(path, "one that does not tell its epoch")
    if (size := len(contents["config"])) > MAX_CONFIG_CHARACTERS:
        raise _not_ours(path, f"one whose configuration has {size:,} characters")
    if contents["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: expected checkpoint format {FORMAT}, found {contents['format']}; "
            f"another version wrote it: open it with that one"
        )


def _not_ours(path: Path, found: str) -> CheckpointError:
    return CheckpointError(f"{path}: expected a checkpoint of this program, found {found}; {MEND_ELSEWHERE}")

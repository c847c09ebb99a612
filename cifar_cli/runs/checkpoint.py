"""Saves and loads checkpoints: tensors and plain values only, written atomically, read without running code."""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from cifar_cli.errors import CheckpointError, UsageError
from cifar_cli.runs.atomic_files import write_atomically
from cifar_cli.runs.checkpoint_archive import (
    ArchiveFormatError,
    CheckpointArchive,
    DamagedArchiveError,
    UnreadableArchiveError,
    open_checkpoint_archive,
)
from cifar_cli.runs.foreign_files import begin_with, describe_foreign_file
from cifar_cli.runs.pickle_inspector import PickleCodeError, PickleContentError, TensorShape, inspect_pickle
from cifar_cli.runs.weights_file import WRAPPERS

FORMAT = 1
MAX_CONFIG_CHARACTERS = 2**19  # a configuration has at most 10,000 values, which take far fewer
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
    """Writes `contents` (tensors and plain values) to `path`, and loads the new file before it replaces the old one.

    previous: the path that the old file is moved to. Raises RunError if the file cannot be written.
    """
    # In memory first: torch's own error for a full disk does not name the reason.
    buffer = BytesIO()
    torch.save({"format": FORMAT, **contents}, buffer)
    write_atomically(
        path,
        lambda file: file.write(buffer.getbuffer()),
        check=load_checkpoint,
        previous=previous,
    )


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Returns what `save_checkpoint` wrote, with all tensors on the CPU. Raises CheckpointError for any other file.

    The file is inspected before any tensor is built: a few bytes of a stranger's file can ask for terabytes.
    """
    archive = _open(path)
    try:
        _check_contents(inspect_pickle(archive.pickled, storage_bytes=archive.storage_bytes), path)
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
    except Exception as error:  # torch may raise anything for an archive that another program wrote
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
    except UnreadableArchiveError as error:
        if foreign := describe_foreign_file(path):
            found, mend = foreign
            raise UsageError(
                f"{path}: expected a run or a checkpoint of this program, found {found}; {mend}"
            ) from error
        raise CheckpointError(
            f"{path}: expected a whole checkpoint, found a part of one, or no checkpoint at all; {MEND_DAMAGED}"
        ) from error


def _check_contents(contents: object, path: Path) -> None:
    """Raises CheckpointError unless the contents have the keys and types that `save_checkpoint` writes."""
    missing = [key for key in REQUIRED_KEYS if not isinstance(contents, dict) or key not in contents]
    if "format" in missing and _has_weights(contents):
        raise CheckpointError(
            f"{path}: expected a checkpoint of this program, found weights alone, without a configuration; "
            f"{begin_with(path)}"
        )
    if missing or not isinstance(contents, dict):
        raise _not_ours(path, f"one without {', '.join(missing)}")
    for key, type_ in REQUIRED_KEYS.items():
        if type(contents[key]) is not type_:
            raise _not_ours(path, f"one whose {key} is no {type_.__name__}")
    if type(contents["progress"].get("epoch")) is not int:
        raise _not_ours(path, "one without its epoch")
    if (size := len(contents["config"])) > MAX_CONFIG_CHARACTERS:
        raise _not_ours(path, f"one whose configuration has {size:,} characters")
    if contents["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: expected checkpoint format {FORMAT}, found {contents['format']}; "
            f"another version of this program wrote it; open it with that version"
        )


def _has_weights(contents: object) -> bool:
    """Returns whether inspected contents are tensors by name, as other programs save them, or hold such."""
    inner = [contents.get(wrapper) for wrapper in WRAPPERS] if isinstance(contents, dict) else []
    named = [each for each in (contents, *inner) if isinstance(each, dict)]
    return any(isinstance(value, TensorShape) for each in named for value in each.values())


def _not_ours(path: Path, found: str) -> CheckpointError:
    return CheckpointError(f"{path}: expected a checkpoint of this program, found {found}; {MEND_ELSEWHERE}")

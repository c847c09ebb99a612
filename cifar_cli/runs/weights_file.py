"""Reads weights from files that other programs wrote too: checkpoints of any torch version, and safetensors.

No file can make code run: a pickle is inspected before torch opens it, and torch opens it with weights_only=True.
"""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.checkpoint_archive import (
    ArchiveFormatError,
    DamagedArchiveError,
    UnreadableArchiveError,
    open_checkpoint_archive,
)
from cifar_cli.runs.foreign_files import describe_foreign_file
from cifar_cli.runs.legacy_torch_file import inspect_legacy_file, is_legacy_torch_file
from cifar_cli.runs.pickle_inspector import PickleCodeError, PickleContentError, inspect_pickle
from cifar_cli.runs.safetensors_file import read_safetensors

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")  # the keys under which programs keep weights
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
MEND = "save the weights alone: torch.save(model.state_dict(), FILE)"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Returns the weights in a file by name, on the CPU, unwrapped and without the prefixes of other programs.

    Raises CheckpointError for a file that cannot be read, that would run code, or that has no weights.
    """
    if _is_safetensors(path):
        return _without_prefixes(read_safetensors(path).tensors)
    weights = _find_weights(_read_torch_file(path))
    if weights is None:
        raise CheckpointError(f"{path}: expected weights by name, found another content; {MEND}")
    return _without_prefixes(weights)


def _is_safetensors(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(10)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: expected a file with weights, found no such file; mend the path") from error
    except OSError as error:
        raise CheckpointError(
            f"{path}: expected a file with weights, found: {error.strerror}; name the file itself"
        ) from error
    return path.suffix == ".safetensors" or head[8:] == b'{"'


def _read_torch_file(path: Path) -> object:
    try:
        if is_legacy_torch_file(path):
            inspect_legacy_file(path)
        else:
            archive = open_checkpoint_archive(path)
            inspect_pickle(archive.pickled, storage_bytes=archive.storage_bytes)
        contents: object = torch.load(path, map_location="cpu", weights_only=True)
    except (PickleCodeError, pickle.UnpicklingError) as error:
        name = f": {error}" if isinstance(error, PickleCodeError) else ""
        raise CheckpointError(
            f"{path}: expected tensors and plain values, found something that would have to be run to be read{name}; "
            f"it was not opened. Where the file is from, {MEND}"
        ) from error
    except DamagedArchiveError as error:
        raise CheckpointError(
            f"{path}: expected a whole file, found damaged bytes in {error}; take another copy"
        ) from error
    except UnreadableArchiveError as error:
        found, mend = describe_foreign_file(path) or ("a part of a file, or another kind of file", MEND)
        raise CheckpointError(f"{path}: expected a file with weights, found {found}; {mend}") from error
    except (ArchiveFormatError, PickleContentError) as error:
        raise CheckpointError(f"{path}: expected a file with weights, found {error}; {MEND}") from error
    except Exception as error:  # torch may raise anything for a file that another program wrote
        raise CheckpointError(
            f"{path}: expected a file with weights, found what torch cannot read: "
            f"{str(error).partition(chr(10))[0] or type(error).__name__}; {MEND}"
        ) from error
    return contents


def _find_weights(contents: object) -> dict[str, Tensor] | None:
    """Returns the named tensors in a file's contents, where necessary from below a wrapper; None if there are none."""
    if not isinstance(contents, dict):
        return None
    for wrapper in WRAPPERS:
        if (inner := _find_weights(contents.get(wrapper))) is not None:
            return inner
    named = {name: value for name, value in contents.items() if isinstance(name, str) and isinstance(value, Tensor)}
    return named or None


def _without_prefixes(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    while weights and (prefix := next((it for it in PREFIXES if all(name.startswith(it) for name in weights)), None)):
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights

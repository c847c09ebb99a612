"""Writes and reads safetensors files: named tensors, and words in the head. Such a file holds no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.atomic_files import write_atomically


class SafetensorsFile(NamedTuple):
    """The tensors of a file by name, on the CPU, and the words in the file's head."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Writes tensors, whole or not at all, and makes the folders on the way. Raises RunError."""
    from safetensors.torch import save

    # Cloned: safetensors refuses tensors that share their memory, or whose elements lie in another order.
    packed = {name: it.detach().cpu().clone(memory_format=torch.contiguous_format) for name, it in tensors.items()}
    content = save(packed, metadata=dict(metadata))
    write_atomically(path, lambda file: file.write(content), make_folders=True)


def read_safetensors(path: Path) -> SafetensorsFile:
    """Returns a file's tensors and words. Raises CheckpointError for a file that cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
            return SafetensorsFile(tensors, dict(file.metadata() or {}))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: expected a safetensors file, found no such file; mend the path") from error
    except OSError as error:
        raise CheckpointError(
            f"{path}: expected a safetensors file, found one that cannot be read: {error.strerror or error}; "
            f"mend its rights"
        ) from error
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: expected a whole safetensors file, found a damaged one: {error}; take another copy"
        ) from error

"""Writes and reads the layers that a training records over time: `features/<step>.npz` in the run folder.

Each file holds the network after `step` training steps: for each layer `features/<layer>`, its output for one fixed
image, and for a convolution also `filters/<layer>`. All arrays are float32. numpy reads the files without running code.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cifar_cli.errors import RunError
from cifar_cli.runs.atomic_files import write_atomically

FEATURES, FILTERS = "features/", "filters/"  # before a layer's name, as in TensorBoard
# What numpy and zipfile raise for a file that is damaged, or is no .npz file.
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, MemoryError)


@dataclass(frozen=True)
class RecordedLayer:
    """One layer at one time.

    features: float32 (C, H, W) or (F,), of one image; filters: float32 (O, I, kH, kW), None for a layer without.
    """

    features: Tensor
    filters: Tensor | None = None


def write_recorded_layers(folder: Path, layers: Mapping[str, RecordedLayer], *, step: int) -> None:
    """Writes the layers, by name, as they are after `step` steps. Replaces an earlier file of the same step.

    Raises RunError if the file cannot be written.
    """
    arrays = {f"{FEATURES}{name}": layer.features for name, layer in layers.items()}
    arrays |= {f"{FILTERS}{name}": layer.filters for name, layer in layers.items() if layer.filters is not None}
    values = {key: array.detach().float().cpu().numpy() for key, array in arrays.items()}
    path = folder / f"{step}.npz"
    is_run_there = folder.parent.is_dir()  # a run folder that has vanished is not made anew
    write_atomically(path, lambda file: np.savez_compressed(file, **values), make_folders=is_run_there)  # type: ignore[arg-type]


def remove_recorded_after(folder: Path, step: int) -> None:
    """Removes the files of steps after `step`, before training takes these steps again.

    Raises RunError if a file cannot be removed.
    """
    for later, path in _files(folder).items():
        if later > step:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise RunError(f"{path}: could not be removed: {error.strerror}; mend the folder's rights") from error


def recorded_layer_names(folder: Path) -> list[str]:
    """Returns the names of the layers in the first file, none if there is no file.

    Raises RunError if the file cannot be read.
    """
    first = next(iter(_files(folder).values()), None)
    if first is None:
        return []
    return [key.removeprefix(FEATURES) for key in _read(first) if key.startswith(FEATURES)]


def read_recorded_layer(folder: Path, layer: str) -> dict[int, RecordedLayer]:
    """Returns a layer by step, in the order of the steps; empty if the layer was not recorded.

    Raises RunError if a file cannot be read, or holds arrays of other shapes than the first file.
    """
    recorded: dict[int, RecordedLayer] = {}
    for step, path in _files(folder).items():
        arrays = _read(path, keys=(FEATURES + layer, FILTERS + layer))
        if FEATURES + layer not in arrays:
            continue
        found = RecordedLayer(arrays[FEATURES + layer], arrays.get(FILTERS + layer))
        first = next(iter(recorded.values()), found)
        is_whole = found.features.dim() in (1, 3) and (found.filters is None or found.filters.dim() == 4)
        if not is_whole or _shapes(found) != _shapes(first):
            raise _damaged(path, f"arrays of {layer} with the shapes {_shapes(found)}")
        recorded[step] = found
    return recorded


def _files(folder: Path) -> dict[int, Path]:
    """Returns the files by step, in the order of the steps."""
    return {int(path.stem): path for path in sorted(folder.glob("*.npz"), key=_step) if _step(path) >= 0}


def _step(path: Path) -> int:
    return int(path.stem) if path.stem.isascii() and path.stem.isdecimal() else -1


def _read(path: Path, keys: tuple[str, ...] | None = None) -> dict[str, Tensor]:
    """Returns a file's arrays by key: all of them, or those of `keys` that the file holds."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = [name for name in archive.files if keys is None or name in keys]
            return {name: _tensor(archive[name]) for name in names}
    except DAMAGED as error:
        raise _damaged(path, str(error).partition("\n")[0] or type(error).__name__) from error


def _tensor(array: NDArray[np.float32]) -> Tensor:
    if array.dtype != np.float32 or array.size == 0 or array.ndim not in (1, 3, 4):
        raise ValueError(f"an array of {array.dtype} with the shape {array.shape}")
    return torch.from_numpy(array)


def _shapes(layer: RecordedLayer) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(array.shape) for array in (layer.features, layer.filters) if array is not None)


def _damaged(path: Path, found: str) -> RunError:
    return RunError(
        f"{path}: expected the layers that training recorded, found a damaged file: {found}; "
        f"remove the file, or train again"
    )

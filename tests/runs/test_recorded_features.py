"""Layers recorded over time: written, read back, and refused where a file is damaged."""

import pickle
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from cifar_cli.errors import RunError
from cifar_cli.runs.recorded_features import (
    RecordedLayer,
    read_recorded_layer,
    recorded_layer_names,
    remove_recorded_after,
    write_recorded_layers,
)


def layer(seed: int) -> RecordedLayer:
    generator = torch.Generator().manual_seed(seed)
    return RecordedLayer(torch.randn(4, 6, 5, generator=generator), torch.randn(4, 3, 2, 2, generator=generator))


def test_layers_come_back_to_the_bit_in_the_order_of_the_steps(tmp_path: Path) -> None:
    for step in (100, 0, 20):
        layers = {"blocks.0.conv1": layer(step), "fc": RecordedLayer(torch.arange(10.0) + step)}
        write_recorded_layers(tmp_path / "features", layers, step=step)
    recorded = read_recorded_layer(tmp_path / "features", "blocks.0.conv1")
    assert list(recorded) == [0, 20, 100]
    for step, found in recorded.items():
        assert torch.equal(found.features, layer(step).features)
        assert found.filters is not None
        assert torch.equal(found.filters, layer(step).filters)
    assert read_recorded_layer(tmp_path / "features", "fc")[20].filters is None
    assert recorded_layer_names(tmp_path / "features") == ["blocks.0.conv1", "fc"]
    assert read_recorded_layer(tmp_path / "features", "conv9") == {}


def test_numpy_alone_reads_the_file(tmp_path: Path) -> None:
    write_recorded_layers(tmp_path, {"conv1": layer(3)}, step=7)
    with np.load(tmp_path / "7.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["features/conv1", "filters/conv1"]
        assert archive["features/conv1"].dtype == np.float32
        assert torch.equal(torch.from_numpy(archive["features/conv1"]), layer(3).features)


def test_half_precision_is_written_in_full(tmp_path: Path) -> None:
    write_recorded_layers(tmp_path, {"conv1": RecordedLayer(torch.ones(10, dtype=torch.bfloat16))}, step=0)
    assert read_recorded_layer(tmp_path, "conv1")[0].features.dtype == torch.float32


def test_a_missing_folder_holds_no_layers(tmp_path: Path) -> None:
    assert read_recorded_layer(tmp_path / "features", "conv1") == {}
    assert recorded_layer_names(tmp_path / "features") == []


def test_later_steps_are_removed_and_other_files_are_not(tmp_path: Path) -> None:
    for step in (0, 5, 6, 50):
        write_recorded_layers(tmp_path, {"conv1": layer(step)}, step=step)
    (tmp_path / "mine.npz").write_bytes(b"")
    remove_recorded_after(tmp_path, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npz", "5.npz", "mine.npz"]
    assert list(read_recorded_layer(tmp_path, "conv1")) == [0, 5]


def damaged_files(whole: bytes) -> dict[str, bytes]:
    as_npz = BytesIO()
    np.savez(as_npz, **{"features/conv1": np.zeros((4, 6, 5))})  # float64
    with_objects = BytesIO()
    np.savez(with_objects, **{"features/conv1": np.array([{}])}, allow_pickle=True)
    huge = BytesIO()
    with zipfile.ZipFile(huge, "w") as archive:
        header = BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6, 10**3)}
        )
        archive.writestr("features/conv1.npy", header.getvalue())
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 0xFF
    return {
        "nothing": b"",
        "half": whole[: len(whole) // 2],
        "flipped": bytes(flipped),
        "text": b"hello",
        "pickle": pickle.dumps({}),
        "float64": as_npz.getvalue(),
        "objects": with_objects.getvalue(),
        "huge": huge.getvalue(),
    }


@pytest.mark.parametrize("damage", ["nothing", "half", "flipped", "text", "pickle", "float64", "objects", "huge"])
def test_a_damaged_file_is_refused(damage: str, tmp_path: Path) -> None:
    for step in (0, 5):
        write_recorded_layers(tmp_path, {"conv1": layer(step)}, step=step)
    path = tmp_path / "5.npz"
    path.write_bytes(damaged_files(path.read_bytes())[damage])
    with pytest.raises(RunError) as caught:
        read_recorded_layer(tmp_path, "conv1")
    text = str(caught.value)
    assert text.startswith(f"{path}: expected the layers that training recorded, found a damaged file: ")
    assert text.endswith("; remove the file, or train again")


def test_arrays_of_another_shape_are_refused(tmp_path: Path) -> None:
    write_recorded_layers(tmp_path, {"conv1": layer(0)}, step=0)
    write_recorded_layers(tmp_path, {"conv1": RecordedLayer(torch.zeros(4, 6, 6))}, step=5)
    with pytest.raises(
        RunError, match=r"5\.npz: .*found a damaged file: arrays of conv1 with the shapes \(\(4, 6, 6\),\)"
    ):
        read_recorded_layer(tmp_path, "conv1")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("")
    with pytest.raises(RunError, match=r"features/0\.npz: could not be written: "):
        write_recorded_layers(tmp_path / "features", {"conv1": layer(0)}, step=0)


def test_filters_of_three_axes_are_refused(tmp_path: Path) -> None:
    for step in (0, 5):
        write_recorded_layers(tmp_path, {"conv1": replace(layer(0), filters=torch.zeros(4, 3, 2))}, step=step)
    with pytest.raises(RunError, match=r"0\.npz: .*arrays of conv1 with the shapes"):
        read_recorded_layer(tmp_path, "conv1")

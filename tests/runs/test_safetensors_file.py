"""safetensors files: read by the library's own reader as written, and damaged ones told."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.safetensors_file import read_safetensors, write_safetensors


def test_the_library_reads_what_was_written(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(2, 3), "b": torch.arange(3)}
    write_safetensors(tmp_path / "new" / "x.safetensors", tensors, metadata={"word": "ä"})
    found = load_file(tmp_path / "new" / "x.safetensors")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {k: v.tolist() for k, v in tensors.items()}
    assert read_safetensors(tmp_path / "new" / "x.safetensors").metadata == {"word": "ä"}


def test_what_the_library_wrote_is_read(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2, dtype=torch.float16)}, tmp_path / "x.safetensors")
    tensors, metadata = read_safetensors(tmp_path / "x.safetensors")
    assert (tensors["a"].tolist(), tensors["a"].dtype, metadata) == ([1.0, 1.0], torch.float16, {})


def test_tensors_that_share_their_memory_are_written(tmp_path: Path) -> None:
    weight = torch.ones(2)
    write_safetensors(tmp_path / "x.safetensors", {"a": weight, "b": weight}, metadata={})
    assert read_safetensors(tmp_path / "x.safetensors").tensors["b"].tolist() == [1, 1]


def test_tensors_in_another_order_of_memory_are_written(tmp_path: Path) -> None:
    weight = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    write_safetensors(tmp_path / "x.safetensors", {"a": weight}, metadata={})
    assert torch.equal(load_file(tmp_path / "x.safetensors")["a"], weight)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a whole safetensors file, found a damaged one: "),
        (b"\xff" * 64, "expected a whole safetensors file, found a damaged one: "),
        (None, "expected a safetensors file, found no such file; mend the path"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_safetensors(path)
    assert f"{path}: {message}" in str(caught.value)


def test_every_cut_of_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"a": torch.ones(5)}, metadata={"b": "c"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            read_safetensors(path)

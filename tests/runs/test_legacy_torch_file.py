"""torch's old format: torch's own files are read as torch reads them, and nothing in them is run."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from cifar_cli.runs.legacy_torch_file import inspect_legacy_file, is_legacy_torch_file
from cifar_cli.runs.pickle_inspector import PickleCodeError, PickleContentError, TensorShape


def save(contents: object, path: Path) -> Path:
    torch.save(contents, path, _use_new_zipfile_serialization=False)
    return path


def test_torchs_own_file_is_read(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    path = save({"net": {"a": shared, "b": shared[2:4], "c": torch.ones(2, 3).t()}, "epoch": 3}, tmp_path / "x.pth")
    assert is_legacy_torch_file(path)
    assert inspect_legacy_file(path) == {
        "net": {"a": TensorShape((6,)), "b": TensorShape((2,)), "c": TensorShape((3, 2))},
        "epoch": 3,
    }


def test_todays_format_is_another(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "x.pth")
    assert not is_legacy_torch_file(tmp_path / "x.pth")


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch evil",)


def test_what_would_be_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = save({"a": Evil()}, tmp_path / "x.pth")
    with pytest.raises(PickleCodeError, match=r"(posix|nt)\.system"):
        inspect_legacy_file(path)
    assert not (tmp_path / "evil").exists()


def test_code_in_the_first_pickles_is_refused(tmp_path: Path) -> None:
    whole = save({"a": torch.ones(1)}, tmp_path / "x.pth").read_bytes()
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
    assert whole.startswith(magic)
    (tmp_path / "x.pth").write_bytes(magic + pickle.dumps(Evil(), protocol=2) + whole[len(magic) :])
    with pytest.raises(PickleCodeError):
        inspect_legacy_file(tmp_path / "x.pth")


def test_a_tensor_larger_than_the_file_is_refused_before_it_gets_memory(tmp_path: Path) -> None:
    path = save({"a": torch.ones(3, dtype=torch.float32)}, tmp_path / "x.pth")
    content = path.read_bytes()
    # The storage of 3 elements, and its shape, become one of 2**31 - 1: BININT1 3 becomes BININT.
    huge = b"J" + (2**31 - 1).to_bytes(4, "little")
    assert content.count(b"K\x03") >= 2
    path.write_bytes(content.replace(b"K\x03", huge))
    with pytest.raises(PickleContentError, match="tensors that are larger together than the file"):
        inspect_legacy_file(path)


def test_every_cut_within_the_pickles_is_told(tmp_path: Path) -> None:
    path = save({"a": torch.ones(3)}, tmp_path / "x.pth")
    whole = path.read_bytes()
    for length in range(0, len(whole) - 60, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(PickleContentError):
            inspect_legacy_file(path)

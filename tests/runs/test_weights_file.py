"""Weights from files of other programs: every wrapping, prefix and format that people have, and what is refused."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.weights_file import read_weights


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 2, 3), norm=nn.BatchNorm2d(2)))


def legacy(contents: object, path: Path) -> None:
    torch.save(contents, path, _use_new_zipfile_serialization=False)


def assert_same(found: dict[str, Tensor], network: nn.Module) -> None:
    expected = network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


WRAPPINGS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "plain": lambda weights: weights,
    "dict": lambda weights: dict(weights),
    "state_dict": lambda weights: {"state_dict": weights, "epoch": 3},
    "model": lambda weights: {"model": weights, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    "net": lambda weights: {"net": weights, "acc": 95.5, "epoch": 100},
    "model_state_dict": lambda weights: {"epoch": 5, "model_state_dict": weights, "loss": 0.4},
    "twice": lambda weights: {"model": {"state_dict": weights}},
    "DataParallel": lambda weights: {f"module.{name}": tensor for name, tensor in weights.items()},
    "compile": lambda weights: {f"_orig_mod.{name}": tensor for name, tensor in weights.items()},
    "both": lambda weights: {"net": {f"module._orig_mod.{name}": tensor for name, tensor in weights.items()}},
}


@pytest.mark.parametrize("save", [torch.save, legacy], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_weights_are_found(
    wrapping: str, save: Callable[[object, Path], None], network: nn.Module, tmp_path: Path
) -> None:
    save(WRAPPINGS[wrapping](network.state_dict()), tmp_path / "x.pth")
    assert_same(read_weights(tmp_path / "x.pth"), network)


@pytest.mark.parametrize("name", ["x.safetensors", "misnamed.pth"])
def test_safetensors_are_read_whatever_their_name(name: str, network: nn.Module, tmp_path: Path) -> None:
    save_file(WRAPPINGS["DataParallel"](network.state_dict()), tmp_path / name)  # type: ignore[arg-type]
    assert_same(read_weights(tmp_path / name), network)


def test_our_own_checkpoint_is_read(trained: tuple[Path, object]) -> None:
    path = trained[0] / "checkpoints" / "best.pt"
    saved = torch.load(path, weights_only=True)["model"]
    found = read_weights(path)
    assert {name: weight.tolist() for name, weight in found.items()} == {n: w.tolist() for n, w in saved.items()}


def test_a_prefix_that_only_some_names_have_is_a_name(tmp_path: Path) -> None:
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "x.pth")
    assert read_weights(tmp_path / "x.pth").keys() == {"module.a", "b"}


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch evil",)


def compressed(path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(9)}, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "code in a zip": (lambda path: torch.save({"a": Evil()}, path), "found something that would have to be run"),
    "code in the old format": (lambda path: legacy({"a": Evil()}, path), "found something that would have to be run"),
    "a whole module": (lambda path: torch.save(nn.Linear(1, 1), path), "torch.nn.modules.linear.Linear; it was not"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(Evil())), "a part of a file, or another kind of file"),
    "no weights": (lambda path: torch.save({"epoch": 3}, path), "expected weights by name, found another content"),
    "a tensor": (lambda path: torch.save(torch.ones(3), path), "expected weights by name, found another content"),
    "an empty file": (lambda path: path.write_bytes(b""), "a part of a file, or another kind of file"),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG\r\n" + bytes(40)), "found a picture"),
    "a compressed archive": (compressed, "compressed"),
    "a folder": (lambda path: path.mkdir(), "name the file itself"),
    "nothing": (lambda path: None, "expected a file with weights, found no such file; mend the path"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_another_file_is_refused_with_words(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, message = REFUSED[kind]
    make(tmp_path / "x.pth")
    with pytest.raises(CheckpointError) as caught:
        read_weights(tmp_path / "x.pth")
    assert str(caught.value).startswith(str(tmp_path / "x.pth"))
    assert message in str(caught.value)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("save", [torch.save, legacy], ids=["zip", "legacy"])
def test_no_cut_and_no_changed_byte_is_a_traceback(
    save: Callable[[object, Path], None], network: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "x.pth"
    save({"net": network.state_dict()}, path)
    whole = path.read_bytes()
    for position in range(0, len(whole), 41):
        for content in (whole[:position], whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :]):
            path.write_bytes(content)
            with suppress(CheckpointError):
                assert read_weights(path)

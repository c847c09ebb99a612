"""Checkpoints are loaded as they were saved, and every other file is refused."""

import pickle
import random
import zipfile
from io import BytesIO, FileIO
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.errors import CheckpointError
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint

CONTENTS: dict[str, Any] = {
    "config": "name: demo\n",
    "model": {"conv1.weight": torch.randn(4, 3, 5, 5), "norm.num_batches_tracked": torch.tensor(7)},
    "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}]},
    "scheduler": {"last_epoch": 12},
    "scaler": {},
    "totals": {"loss": torch.tensor(0.5, dtype=torch.float64), "images": 7},
    "random": {"torch": torch.get_rng_state(), "cuda": []},
    "progress": {"epoch": 3, "step": 12, "best_epoch": None, "best_val_accuracy": 0.1 + 0.2},
}
ALL_KEYS = "format, config, model, optimizer, scheduler, scaler, random, totals, progress"
DAMAGED = r": expected a whole checkpoint, found .+; use the run's other checkpoint, last\.pt or best\.pt$"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "last.pt"
    save_checkpoint(path, CONTENTS)
    return path


def same(left: object, right: object) -> bool:
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return left == right


def test_saved_contents_are_loaded_bit_for_bit(path: Path) -> None:
    assert same(load_checkpoint(path), {"format": 1, **CONTENTS})


def savable_dtypes() -> list[torch.dtype]:
    """Every dtype that torch.save writes, found by trying. The quantized ones are left out: they need a quantizer."""
    dtypes = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    found = []
    for dtype in sorted(dtypes - {torch.qint8, torch.qint32, torch.quint8, torch.quint4x2, torch.quint2x4}, key=str):
        try:
            torch.save(torch.zeros(96, dtype=torch.uint8).view(dtype), BytesIO())
        except (KeyError, RuntimeError):  # of int1 to int7 there are no storages
            continue
        found.append(dtype)
    return found


def test_the_dtypes_tried_below_are_many() -> None:
    names = "complex64 complex128 uint16 uint32 uint64 float8_e4m3fn float8_e5m2 bfloat16 float16 bool int8 float64"
    assert {getattr(torch, name) for name in names.split()} <= set(savable_dtypes())


@pytest.mark.parametrize("dtype", savable_dtypes(), ids=str)
def test_a_tensor_of_any_dtype_is_saved_and_comes_back(tmp_path: Path, dtype: torch.dtype) -> None:
    bits = (torch.arange(96) % 2).to(torch.uint8)  # 0 and 1 are valid bytes of every dtype, a bool among them
    values = bits.view(dtype)
    path = tmp_path / "last.pt"
    save_checkpoint(path, {**CONTENTS, "model": {"buffer": values, "view": values[2:4]}})
    model = load_checkpoint(path)["model"]
    assert (model["buffer"].dtype, model["view"].dtype) == (dtype, dtype)
    assert torch.equal(model["buffer"].view(torch.uint8), bits)
    assert model["view"].shape == (2,)
    assert model["view"].storage_offset() == 2


def test_bytes_and_a_newer_dtype_of_one_storage_come_back_sharing_it(tmp_path: Path) -> None:
    values = torch.arange(8, dtype=torch.uint8)
    save_checkpoint(tmp_path / "last.pt", {**CONTENTS, "model": {"bytes": values, "words": values.view(torch.uint16)}})
    model = load_checkpoint(tmp_path / "last.pt")["model"]
    assert torch.equal(model["words"].view(torch.uint8), values)
    assert model["words"].data_ptr() == model["bytes"].data_ptr()


def test_anyone_can_read_it_with_torch_alone(path: Path) -> None:
    weights = torch.load(path, weights_only=True)["model"]
    assert list(weights) == ["conv1.weight", "norm.num_batches_tracked"]


def test_a_save_that_fails_leaves_the_last_checkpoint_whole(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError)):
        save_checkpoint(path, {"config": "", "model": {"bad": lambda: None}})  # no function can be pickled
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_checkpoint_damaged_on_its_way_to_the_disk_does_not_replace_the_last_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    real_open = Path.open

    class Damaging(FileIO):
        """A disk that changes the byte in the middle of what is written."""

        def write(self, data: Any) -> int:
            changed = bytearray(data)
            changed[len(changed) // 2] ^= 1
            return super().write(bytes(changed))

    def open_damaging(self: Path, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        return Damaging(self, "wb") if mode == "wb" else real_open(self, mode, *arguments, **keywords)

    large = {**CONTENTS, "model": {"conv1.weight": torch.zeros(100_000)}}  # whose middle is within the weights
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", open_damaging)
        with pytest.raises(CheckpointError, match="found damaged bytes in archive/data/"):
            save_checkpoint(path, large, previous=path.with_name("previous.pt"))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    save_checkpoint(path, large)
    assert path.read_bytes() != before


class Hostile:
    """Pickled, it asks whoever reads it to create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.target,))


def test_a_checkpoint_that_would_run_code_is_refused_and_nothing_is_run(tmp_path: Path) -> None:
    path, target = tmp_path / "hostile.pt", tmp_path / "pwned"
    torch.save({"format": 1, **CONTENTS, "model": Hostile(target)}, path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: expected tensors and plain values, found something that would have to be run to be read; "
        "it was not opened. Use a checkpoint that this program wrote"
    )
    assert not target.exists()
    # Guards the line above: a careless reader does create the file.
    torch.load(path, weights_only=False)
    assert target.exists()


def test_a_bare_pickle_is_refused_and_nothing_is_run(tmp_path: Path) -> None:
    path, target = tmp_path / "hostile.pt", tmp_path / "pwned"
    path.write_bytes(pickle.dumps(Hostile(target)))
    with pytest.raises(CheckpointError, match=DAMAGED):
        load_checkpoint(path)
    assert not target.exists()


def test_a_truncated_checkpoint_is_damaged_wherever_it_ends(path: Path) -> None:
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=DAMAGED):
            load_checkpoint(path)


def test_a_flipped_byte_is_noticed_or_changes_nothing(path: Path) -> None:
    whole, generator = path.read_bytes(), random.Random(0)
    noticed = 0
    for _ in range(300):
        position = generator.randrange(len(whole))
        path.write_bytes(
            whole[:position] + bytes([whole[position] ^ generator.randrange(1, 256)]) + whole[position + 1 :]
        )
        try:
            loaded = load_checkpoint(path)
        except CheckpointError:
            noticed += 1
        else:
            assert same(loaded, {"format": 1, **CONTENTS}), position
    assert noticed > 200  # the others fell into the padding between the parts


def test_a_flipped_byte_within_the_weights_names_what_is_damaged(path: Path) -> None:
    whole = path.read_bytes()
    position = whole.index(CONTENTS["model"]["conv1.weight"].numpy().tobytes()) + 50
    path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: expected a whole checkpoint, found damaged bytes in archive/data/0; "
        "use the run's other checkpoint, last.pt or best.pt"
    )


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_no_checkpoint(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(random.Random(seed).randbytes(seed * 50))
    with pytest.raises(CheckpointError, match=DAMAGED):
        load_checkpoint(path)


def test_a_text_file_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("name: demo\n")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: expected a whole checkpoint, found a part of one, or no checkpoint at all; "
        "use the run's other checkpoint, last.pt or best.pt"
    )


def test_an_archive_of_another_program_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "report.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<xml/>")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: expected a checkpoint of this program, found another kind of file; "
        "name a run folder, or the checkpoint in one"
    )


def test_a_missing_checkpoint_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: expected a checkpoint, found no such file; name a run folder, or the checkpoint in one"
    )
    assert caught.value.exit_code == 1


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: expected a checkpoint, found: Is a directory; name a run folder, or the checkpoint in one"
    )


@pytest.mark.parametrize(
    ("contents", "missing"),
    [
        ({"conv1.weight": 0}, ALL_KEYS),
        ({"format": 1, "config": "", "model": {}}, "optimizer, scheduler, scaler, random, totals, progress"),
        ([1, 2, 3], ALL_KEYS),
    ],
)
def test_a_checkpoint_of_another_program_is_refused(tmp_path: Path, contents: object, missing: str) -> None:
    path = tmp_path / "other.pt"
    torch.save(contents, path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: expected a checkpoint of this program, found one without {missing}; "
        "name a run folder, or the checkpoint in one"
    )


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "future.pt"
    torch.save({**CONTENTS, "format": 2}, path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: expected checkpoint format 1, found 2; another version of this program wrote it; "
        "open it with that version"
    )

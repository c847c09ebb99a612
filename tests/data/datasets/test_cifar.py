"""Reading CIFAR: the real files against torchvision; the errors of damaged, missing and malicious files."""

import hashlib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10, CIFAR100

from cifar_cli.data.datasets.cifar import CIFAR10_FILES, CIFAR100_FILES, CifarFiles, cifar_file_states, read_cifar
from cifar_cli.errors import DataError


def as_published(content: object) -> bytes:
    """Pickles as the published files are: arrays by the name that NumPy 1 had for what makes them."""
    return pickle.dumps(content, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def write_files(root: Path, contents: dict[str, bytes]) -> CifarFiles:
    """Writes a tiny dataset in the format of CIFAR-100."""
    (root / "tiny").mkdir(parents=True)
    for name, content in contents.items():
        (root / "tiny" / name).write_bytes(content)
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    parts = [{name: md5[name]} for name in ("train", "test", "meta")]
    return CifarFiles("tiny", "tiny", *parts, labels_key=b"fine_labels", class_names_key=b"fine_label_names")


def tiny_contents() -> dict[str, bytes]:
    pixels = np.arange(2 * 3072, dtype=np.uint64).reshape(2, 3072).astype(np.uint8)
    return {
        "train": as_published({b"data": pixels, b"fine_labels": [1, 0], b"coarse_labels": [7, 8]}),
        "test": as_published({b"data": pixels[:1], b"fine_labels": [0], b"coarse_labels": [8]}),
        "meta": as_published({b"fine_label_names": [b"apple", b"bear"], b"coarse_label_names": [b"x", b"y"]}),
    }


def linked(real_data: Path, root: Path) -> Path:
    """Gives a folder with links to the real files, so that single ones can be replaced."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    for file in (real_data / "cifar-10-batches-py").iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def test_real_cifar10_is_what_torchvision_reads(real_data: Path):
    sets = read_cifar(real_data, files=CIFAR10_FILES)
    for image_set, is_train in zip(sets, (True, False), strict=True):
        expected = CIFAR10(real_data, train=is_train)
        assert np.array_equal(image_set.images.permute(0, 2, 3, 1).numpy(), expected.data)
        assert image_set.labels.tolist() == expected.targets
        assert list(image_set.class_names) == expected.classes
    assert set(cifar_file_states(real_data, files=CIFAR10_FILES).values()) == {"ok"}


@pytest.mark.parametrize(("files", "theirs"), [(CIFAR10_FILES, CIFAR10), (CIFAR100_FILES, CIFAR100)])
def test_sums_and_names_are_torchvisions(files: CifarFiles, theirs: type[CIFAR10]):
    assert files.folder == theirs.base_folder
    assert list(files.train.items()) == [tuple(entry) for entry in theirs.train_list]
    assert list(files.test.items()) == [tuple(entry) for entry in theirs.test_list]
    assert files.meta == {theirs.meta["filename"]: theirs.meta["md5"]}
    assert files.class_names_key.decode() == theirs.meta["key"]


def test_format_of_cifar100_is_read_with_its_fine_labels(tmp_path: Path):
    train, test = read_cifar(tmp_path, files=write_files(tmp_path, tiny_contents()))
    assert train.labels.tolist() == [1, 0]
    assert train.class_names == ("apple", "bear")
    # Red, green and blue follow one another, each row by row: pixel (row 1, column 2) of the green channel.
    assert train.images[0, 1, 1, 2] == (1024 + 32 + 2) % 256
    assert torch.equal(test.images[0], train.images[0])


def test_damaged_file_is_named_with_both_sums_and_the_mend(real_data: Path, tmp_path: Path):
    damaged = linked(real_data, tmp_path) / "data_batch_3"
    content = bytearray(damaged.read_bytes())
    content[1_000_000] ^= 1
    damaged.unlink()
    damaged.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_cifar(tmp_path, files=CIFAR10_FILES)
    assert str(caught.value) == (
        f"{damaged}: is damaged: expected MD5 54ebc095f3ab1f0389bbae665268c751, "
        f"found {hashlib.md5(content).hexdigest()}; "
        f"fetch it anew with: cifar data fetch cifar10 --root {tmp_path}"
    )
    states = cifar_file_states(tmp_path, files=CIFAR10_FILES)
    assert [path for path, state in states.items() if state != "ok"] == [damaged]
    assert states[damaged] == "damaged"


def test_missing_file_is_named(tmp_path: Path):
    files = write_files(tmp_path, tiny_contents())
    (tmp_path / "tiny" / "test").unlink()
    with pytest.raises(DataError) as caught:
        read_cifar(tmp_path, files=files)
    assert str(caught.value) == (
        f"{tmp_path}/tiny/test: expected a file with MD5 {files.test['test']}, found none; "
        f"fetch it anew with: cifar data fetch tiny --root {tmp_path}"
    )


def test_something_that_cannot_be_read_is_named(tmp_path: Path):
    files = write_files(tmp_path, tiny_contents())
    (tmp_path / "tiny" / "test").unlink()
    (tmp_path / "tiny" / "test").mkdir()
    with pytest.raises(DataError) as caught:
        read_cifar(tmp_path, files=files)
    assert str(caught.value) == f"{tmp_path}/tiny/test: cannot be read: Is a directory; check who may read it"


def test_pickle_that_would_run_code_is_refused_even_with_the_right_sum(tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return shutil.rmtree, (str(tmp_path),)

    files = write_files(tmp_path, tiny_contents() | {"train": pickle.dumps({b"data": Evil()}, protocol=3)})
    with pytest.raises(pickle.UnpicklingError, match=r"refused to load shutil\.rmtree"):
        read_cifar(tmp_path, files=files)
    assert tmp_path.exists()

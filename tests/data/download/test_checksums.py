"""Files against MD5 sums: the sum of the empty file and of "abc" are those of RFC 1321."""

from pathlib import Path

import pytest

from cifar_cli.data.download.checksums import MissingFileError, file_state, md5_of, read_verified
from cifar_cli.errors import DataError

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
ABC = "900150983cd24fb0d6963f7d28e17f72"


def test_sums_are_those_of_rfc_1321(tmp_path: Path) -> None:
    for content, md5 in ((b"", EMPTY), (b"abc", ABC)):
        (tmp_path / "file").write_bytes(content)
        assert md5_of(tmp_path / "file") == md5
        assert read_verified(tmp_path / "file", md5=md5, mend="") == content


def test_a_file_is_missing_damaged_or_ok(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert file_state(path, md5=ABC) == "missing"
    assert file_state(tmp_path, md5=ABC) == "missing"  # a folder
    path.write_bytes(b"abd")
    assert file_state(path, md5=ABC) == "damaged"
    path.write_bytes(b"abc")
    assert file_state(path, md5=ABC) == "ok"


def test_a_missing_and_a_damaged_file_are_errors_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(MissingFileError) as missing:
        read_verified(path, md5=ABC, mend="fetch the file")
    assert str(missing.value) == f"{path}: expected a file with MD5 {ABC}, found none; fetch the file"
    path.write_bytes(b"")
    with pytest.raises(DataError) as damaged:
        read_verified(path, md5=ABC, mend="fetch the file")
    assert not isinstance(damaged.value, MissingFileError)
    assert str(damaged.value) == f"{path}: is damaged: expected MD5 {ABC}, found {EMPTY}; fetch the file"

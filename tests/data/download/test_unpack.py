"""Unpacking archives, also malicious archives that try to leave their folder."""

import io
import random
import tarfile
import zlib
from pathlib import Path

import pytest

from cifar_cli.data.download.unpack import unpack
from cifar_cli.errors import DataError

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", **attributes: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, content


def packed(path: Path, *members: Member) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


FOLDER = member("set", type=tarfile.DIRTYPE)
HONEST = (FOLDER, member("set/one", b"1"), member("set/two", b"22"))


def test_files_arrive_with_their_content_and_nothing_else_is_left(tmp_path: Path):
    (root := tmp_path / "root").mkdir()
    folder = unpack(packed(tmp_path / "a.tar.gz", *HONEST), root=root, folder="set")
    assert folder == root / "set"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one": b"1", "two": b"22"}
    assert [path.name for path in root.iterdir()] == ["set"]


def test_damaged_files_are_replaced_and_others_are_left_alone(tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "one").write_bytes(b"damaged")
    (tmp_path / "set" / "mine").write_bytes(b"mine")
    folder = unpack(packed(tmp_path / "a.tar.gz", *HONEST), root=tmp_path, folder="set")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one": b"1", "two": b"22", "mine": b"mine"}


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil", b"x"),
        member("set/../evil", b"x"),
        member("set/../../evil", b"x"),
        member("set/..", b"x"),
        member("/tmp/evil", b"x"),
        member("evil", b"x"),
        member("other/evil", b"x"),
        member("set/deeper/evil", b"x"),
        member("set", b"x"),
        member("set/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("set/link", type=tarfile.LNKTYPE, linkname="set/one"),
        member("set/device", type=tarfile.CHRTYPE),
        member("set/pipe", type=tarfile.FIFOTYPE),
    ],
    ids=lambda evil: f"{evil[0].type.decode()} {evil[0].name}",
)
def test_anything_but_files_in_the_folder_is_refused_and_nothing_is_written(tmp_path: Path, evil: Member):
    (root := tmp_path / "root").mkdir()
    archive = packed(tmp_path / "a.tar.gz", *HONEST, evil)
    with pytest.raises(DataError) as caught:
        unpack(archive, root=root, folder="set")
    assert str(caught.value) == (
        f"{archive}: expected nothing but files in set/, found '{evil[0].name}'; nothing was unpacked; "
        "delete it and fetch it from a mirror that you trust"
    )
    assert list(root.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "root"]


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path):
    archive = packed(tmp_path / "a.tar.gz", member("set/zeros", bytes(10_000)), member("set/more", b"x"))
    with pytest.raises(DataError, match="expected at most 10000 bytes unpacked, found more; nothing was unpacked"):
        unpack(archive, root=tmp_path, folder="set", max_bytes=10_000)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("keep", [slice(0, 300), slice(5, None)], ids=["end missing", "beginning missing"])
def test_damaged_archive_is_named(tmp_path: Path, keep: slice):
    archive = packed(tmp_path / "a.tar.gz", member("set/noise", random.Random(0).randbytes(1000)))
    archive.write_bytes(archive.read_bytes()[keep])
    with pytest.raises(DataError) as caught:
        unpack(archive, root=tmp_path, folder="set")
    assert str(caught.value).startswith(f"{archive}: cannot be unpacked: ")
    assert str(caught.value).endswith("; delete it and fetch it anew")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize("position", [0, 1], ids=["first", "later"])
@pytest.mark.parametrize("size", [5_000_000, 200_000])
def test_a_header_as_long_as_a_bomb_is_refused_unread(tmp_path: Path, kind: bytes, position: int, size: int):
    header = member("set/long", type=kind, size=size)[0].tobuf(tarfile.GNU_FORMAT)
    archive = tmp_path / "a.tar.gz"
    packer = zlib.compressobj(wbits=31)  # of gzip's format, and never closed: who reads on meets the end too early
    beginning = packer.compress(member("set/one")[0].tobuf() * position + header)
    archive.write_bytes(beginning + packer.flush(zlib.Z_SYNC_FLUSH))
    with pytest.raises(DataError) as caught:
        unpack(archive, root=tmp_path, folder="set")
    assert str(caught.value) == (
        f"{archive}: cannot be unpacked: a header of more than 100000 bytes; delete it and fetch it anew"
    )
    assert not (tmp_path / "set").exists()


def test_a_name_longer_than_the_short_header_holds_is_still_read(tmp_path: Path):
    archive = packed(tmp_path / "a.tar.gz", member("set/" + "n" * 200, b"1"))
    assert [path.name for path in unpack(archive, root=tmp_path, folder="set").iterdir()] == ["n" * 200]

"""Archives fetched by one process at a time: two at once, one stopped and continued, one copied by hand."""

import errno
import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cifar_cli.data.download.download import NullReport
from cifar_cli.data.download.fetch_archive import dataset_lock, fetch_archive
from cifar_cli.data.download.mirrors import CIFAR10_ARCHIVE
from cifar_cli.errors import DataError

CONTENT = random.Random(0).randbytes(40_000)

PROGRAM = """
import signal, sys
from pathlib import Path
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.download.fetch_archive import fetch_archive

class PrintingReport:
    def note(self, text): print(text, flush=True)
    def progress(self, done, total, host): print("progress", flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process may ignore it
url, md5, size, folder = sys.argv[1:]
archive = Archive("archive.tar.gz", md5, int(size), folder="archive", mirrors=(url,))
is_there = lambda: (Path(folder) / "archive" / "hello.txt").exists()
fetch_archive(archive, Path(folder), is_there=is_there, report=PrintingReport())
print("done" if is_there() else "not there", flush=True)
"""


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {"hello.txt": b"hello", "noise.bin": CONTENT}.items():
            member = tarfile.TarInfo(f"archive/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def start(server: Any, behaviour: str, folder: Path) -> subprocess.Popen[str]:
    arguments = [server.url(behaviour), hashlib.md5(server.content).hexdigest(), str(len(server.content)), str(folder)]
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_download_once(packed: bytes, start_server: Callable[[bytes], Any], tmp_path: Path):
    folder, server = tmp_path / "data", start_server(packed)
    processes = [start(server, "crawls_faster", folder) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert server.behaviours() == ["crawls_faster"]
    assert all(output.endswith("done\n") for output in outputs)
    waiting = f" is fetching archive into {folder}; waiting for it"
    assert sum(waiting in output for output in outputs) == 1
    assert (folder / "archive" / "noise.bin").read_bytes() == CONTENT


def test_download_stopped_by_ctrl_c_is_continued(packed: bytes, start_server: Callable[[bytes], Any], tmp_path: Path):
    server = start_server(packed)
    process = start(server, "crawls", tmp_path)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(20)] == ["progress\n"] * 20
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    part = (tmp_path / "archive.tar.gz.part").read_bytes()
    assert packed.startswith(part)
    assert len(part) >= 2000
    again = start(server, "good", tmp_path)
    assert again.communicate(timeout=60)[0].endswith("done\n")
    assert server.requests[-1] == ("good", f"bytes={len(part)}-")
    assert (tmp_path / "archive" / "noise.bin").read_bytes() == CONTENT


def test_an_archive_copied_from_another_machine_is_unpacked_without_a_network(tmp_path: Path):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        member = tarfile.TarInfo("folder/file")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"hi"))
    archive = replace(
        CIFAR10_ARCHIVE,
        md5=hashlib.md5(content.getvalue()).hexdigest(),
        size_bytes=len(content.getvalue()),
        folder="folder",
        mirrors=(),
    )
    (tmp_path / archive.file_name).write_bytes(content.getvalue())
    fetch_archive(archive, tmp_path, is_there=lambda: False)
    assert (tmp_path / "folder" / "file").read_bytes() == b"hi"


def test_a_process_that_waits_for_another_gives_up_at_its_deadline(tmp_path: Path):
    with (
        dataset_lock(tmp_path, name="set", timeout_seconds=None, report=None),
        pytest.raises(DataError, match=r"\.set\.lock: process \d+ on \S+ is still fetching after 0 s; wait for it"),
        dataset_lock(tmp_path, name="set", timeout_seconds=0.2, report=None),
    ):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES])
def test_where_the_file_system_has_no_locks_the_files_are_fetched_with_a_warning(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Notes(NullReport):
        texts: ClassVar[list[str]] = []

        def note(self, text: str) -> None:
            self.texts.append(text)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    Notes.texts.clear()
    with dataset_lock(tmp_path / "data", name="set", timeout_seconds=None, report=Notes()):
        pass
    assert Notes.texts == [
        f"warning: {tmp_path}/data: the file system gives no lock ({os.strerror(number)}), so nothing keeps a second "
        "process from fetching set too; start none"
    ]
    assert list((tmp_path / "data").iterdir()) == []


def test_a_failed_fetch_leaves_no_lock_and_no_folder(tmp_path: Path):
    archive = replace(CIFAR10_ARCHIVE, mirrors=())
    with pytest.raises(DataError, match="could not be downloaded"):
        fetch_archive(archive, tmp_path / "new" / "data", is_there=lambda: False)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_fetch_leaves_a_folder_that_was_there_as_it_was(tmp_path: Path):
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="could not be downloaded"):
        fetch_archive(replace(CIFAR10_ARCHIVE, mirrors=()), tmp_path / "data", is_there=lambda: False)
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]

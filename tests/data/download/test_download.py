"""Downloads from a real web server that stalls, crawls, lies, breaks off, and so on."""

import base64
import hashlib
import io
import random
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from cifar_cli.data.download import http
from cifar_cli.data.download.download import DownloadTimeouts, download
from cifar_cli.data.download.mirrors import CIFAR10_ARCHIVE, Archive, host_of
from cifar_cli.errors import DataError, UsageError

CONTENT = random.Random(0).randbytes(40_000)
SHORT_TIMEOUTS = DownloadTimeouts(
    head_start_seconds=0.1,
    connect_seconds=0.6,
    stall_seconds=0.3,
    crawl_bytes_per_second=200_000.0,
    crawl_window_seconds=0.2,
    useful_bytes=1000,
)


class MirrorServer(Protocol):
    """What conftest.py starts."""

    server_port: int
    content: bytes
    requests: list[tuple[str, str | None]]

    def url(self, behaviour: str) -> str: ...

    def behaviours(self) -> list[str]: ...


StartServer = Callable[[bytes], MirrorServer]


@pytest.fixture
def server(start_server: StartServer) -> MirrorServer:
    return start_server(CONTENT)


class Notes:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.done: list[int] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    def progress(self, done_bytes: int, total_bytes: int, host: str) -> None:
        assert total_bytes == len(CONTENT)
        self.done.append(done_bytes)


def archive_at(server: MirrorServer, *behaviours: str) -> Archive:
    md5 = hashlib.md5(CONTENT).hexdigest()
    mirrors = tuple(server.url(behaviour) for behaviour in behaviours)
    return Archive("archive.tar.gz", md5, len(CONTENT), folder="archive", mirrors=mirrors)


def fetch_from(
    server: MirrorServer, folder: Path, *behaviours: str, timeouts: DownloadTimeouts = SHORT_TIMEOUTS, **options
) -> Path:
    return download(archive_at(server, *behaviours), folder, timeouts=timeouts, **options)


def assert_fetched(path: Path, folder: Path) -> None:
    assert path.read_bytes() == CONTENT
    assert [file.name for file in folder.iterdir()] == ["archive.tar.gz"]


def test_good_mirror_gives_the_file_in_one_request_with_progress_to_the_end(server: MirrorServer, tmp_path: Path):
    notes = Notes()
    assert_fetched(fetch_from(server, tmp_path, "good", "missing", report=notes), tmp_path)
    assert server.requests == [("good", None)]
    assert notes.done == sorted(notes.done)
    assert notes.done[-1] == len(CONTENT)


def test_file_that_is_there_already_is_not_asked_for(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz").write_bytes(CONTENT)
    assert_fetched(fetch_from(server, tmp_path, "good"), tmp_path)
    assert server.requests == []


def test_a_damaged_file_is_replaced_and_reported(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz").write_bytes(b"half a file")
    notes = Notes()
    assert_fetched(fetch_from(server, tmp_path, "good", report=notes), tmp_path)
    assert notes.texts == [f"{tmp_path}/archive.tar.gz is damaged and will be replaced"]


@pytest.mark.parametrize(
    "bad", ["missing", "broken", "web_page", "other_file", "lies", "stalls", "hangs", "crawls", "breaks_off"]
)
def test_bad_mirror_is_left_for_the_next(server: MirrorServer, tmp_path: Path, bad: str):
    assert_fetched(fetch_from(server, tmp_path, bad, "good"), tmp_path)
    assert server.behaviours() == [bad, "good"]


def test_stalled_and_broken_off_downloads_go_on_where_they_stopped(server: MirrorServer, tmp_path: Path):
    assert_fetched(fetch_from(server, tmp_path, "breaks_off", "stalls", "good"), tmp_path)
    assert server.requests == [("breaks_off", None), ("stalls", "bytes=20000-"), ("good", "bytes=20100-")]


def test_single_mirror_that_breaks_off_is_asked_again_as_long_as_it_helps(server: MirrorServer, tmp_path: Path):
    with pytest.raises(DataError, match="broke off"):
        fetch_from(server, tmp_path, "breaks_off")
    offsets = [0, 20000, 30000, 35000, 37500, 38750]  # half of the rest each time; the last brought under 1000 bytes
    assert server.requests[0] == ("breaks_off", None)
    assert [header for _, header in server.requests[1:]] == [f"bytes={offset}-" for offset in offsets[1:]]


def test_lying_bytes_are_discarded_and_the_message_names_both_sums(server: MirrorServer, tmp_path: Path):
    with pytest.raises(DataError) as caught:
        fetch_from(server, tmp_path, "lies")
    lie = hashlib.md5(bytes(255 - byte for byte in CONTENT)).hexdigest()
    truth = hashlib.md5(CONTENT).hexdigest()
    assert f"127.0.0.1:{server.server_port}: sent wrong bytes: expected MD5 {truth}, found {lie}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_half_a_lie_from_one_mirror_does_not_discredit_the_one_that_finished_it(server: MirrorServer, tmp_path: Path):
    assert_fetched(fetch_from(server, tmp_path, "breaks_off_lying", "good"), tmp_path)
    assert server.requests == [("breaks_off_lying", None), ("good", "bytes=20000-"), ("good", None)]


def test_part_of_an_earlier_download_is_continued(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz.part").write_bytes(CONTENT[:12_345])
    assert_fetched(fetch_from(server, tmp_path, "good"), tmp_path)
    assert server.requests == [("good", "bytes=12345-")]


@pytest.mark.parametrize("wrong", [b"x" * 100, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 1)])
def test_wrong_part_of_an_earlier_download_is_discarded_in_the_end(server: MirrorServer, tmp_path: Path, wrong: bytes):
    (tmp_path / "archive.tar.gz.part").write_bytes(wrong)
    assert_fetched(fetch_from(server, tmp_path, "good"), tmp_path)
    assert server.requests[-1] == ("good", None)


def test_whole_part_of_an_earlier_download_needs_no_request(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz.part").write_bytes(CONTENT)
    assert_fetched(fetch_from(server, tmp_path, "good"), tmp_path)
    assert server.requests == []


@pytest.mark.parametrize("behaviour", ["ignores_range", "refuses_range"])
def test_server_without_ranges_still_finishes_a_part(server: MirrorServer, tmp_path: Path, behaviour: str):
    (tmp_path / "archive.tar.gz.part").write_bytes(CONTENT[:30_000])
    assert_fetched(fetch_from(server, tmp_path, behaviour), tmp_path)


def test_server_that_sends_another_part_is_left(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz.part").write_bytes(CONTENT[:100])
    with pytest.raises(DataError, match="sent another part of the file than was asked for"):
        fetch_from(server, tmp_path, "wrong_part")


def test_when_all_crawl_the_fastest_is_taken_after_all(server: MirrorServer, tmp_path: Path):
    notes = Notes()
    assert_fetched(fetch_from(server, tmp_path, "crawls", "crawls_faster", "missing", report=notes), tmp_path)
    assert server.behaviours() == ["crawls", "crawls_faster", "missing", "crawls_faster"]
    assert "kB/s; looking for a faster one" in notes.texts[0]


def test_only_mirror_may_crawl(server: MirrorServer, tmp_path: Path):
    assert_fetched(fetch_from(server, tmp_path, "crawls_faster"), tmp_path)
    assert server.behaviours() == ["crawls_faster"]


def test_deadline_gives_up_early_and_keeps_the_part(server: MirrorServer, tmp_path: Path):
    timeouts = replace(SHORT_TIMEOUTS, connect_seconds=20, stall_seconds=20)  # only the deadline ends the download
    with pytest.raises(DataError) as caught:
        fetch_from(server, tmp_path, "crawls", deadline_seconds=5, timeouts=timeouts)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/archive.tar.gz: would not arrive within 5 s. Tried:\n")
    assert "too slow: " in message
    assert "of 0.0 MB that have arrived are kept and will be continued." in message
    part = (tmp_path / "archive.tar.gz.part").read_bytes()
    assert part == CONTENT[: len(part)] != b""
    assert len(part) < 12_500  # 100 bytes every 20 ms: half of what the deadline would have brought


def test_user_and_password_are_sent_to_the_mirror_alone() -> None:
    request = http._request("https://me:p%40ss@mirror.example:8443/file?a=1", {"Accept": "x"})
    assert request.full_url == "https://mirror.example:8443/file?a=1"
    assert request.unredirected_hdrs == {"Authorization": "Basic " + base64.b64encode(b"me:p@ss").decode()}
    assert host_of("https://me:p%40ss@mirror.example:8443/file") == "mirror.example:8443"
    assert http._request("https://mirror.example/file", {}).unredirected_hdrs == {}


def test_own_mirrors_come_first_and_one_that_ends_in_a_slash_is_a_folder(server: MirrorServer, tmp_path: Path):
    own = [server.url("missing"), server.url("good").removesuffix("archive.tar.gz")]
    assert_fetched(fetch_from(server, tmp_path, "broken", mirrors=own), tmp_path)
    assert server.behaviours() == ["missing", "good"]


def test_mirror_that_is_no_web_address_is_refused(server: MirrorServer, tmp_path: Path):
    with pytest.raises(UsageError) as caught:
        fetch_from(server, tmp_path, "good", mirrors=["/mnt/archive.tar.gz"])
    assert str(caught.value) == (
        "mirror: expected an address that begins with http:// or https://, found '/mnt/archive.tar.gz'; "
        "write for example https://example.org/archive.tar.gz"
    )


def test_failure_names_the_failure_of_each_mirror(server: MirrorServer, tmp_path: Path):
    # Each may take its time on a busy machine, so that it is each one's own reason which is told.
    timeouts = replace(SHORT_TIMEOUTS, connect_seconds=20)
    bad = ("missing", "broken", "web_page", "other_file", "hangs")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed_port = f"http://127.0.0.1:{unused.getsockname()[1]}/archive.tar.gz"
        with pytest.raises(DataError) as caught:
            fetch_from(server, tmp_path, *bad, mirrors=[closed_port], timeouts=timeouts)
    host = f"127.0.0.1:{server.server_port}"
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/archive.tar.gz: could not be downloaded. Tried:",
        f"  {closed_port.split('/')[2]}: cannot be reached: Connection refused",
        f"  {host}: answered 404 Not Found",
        f"  {host}: answered 500 Internal Server Error",
        f"  {host}: sent a web page instead of the file",
        f"  {host}: has another file: 3 bytes instead of 40000",
        f"  {host}: cannot be reached: timed out",
    ]


def test_name_service_that_hangs_cannot_hold_up_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    released = threading.Event()

    def hang(*arguments: object, **options: object) -> None:
        released.wait()  # no answer before the download has given up
        raise OSError("released")

    monkeypatch.setattr(http, "urlopen", hang)
    with pytest.raises(DataError) as caught:
        download(CIFAR10_ARCHIVE, tmp_path, timeouts=SHORT_TIMEOUTS)
    released.set()
    assert "  www.cs.toronto.edu: no answer within 1 s" in str(caught.value)


def test_default_timeouts_end_within_20_seconds_without_a_network():
    assert DownloadTimeouts().connect_seconds < 18


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_reported(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz.part").symlink_to("/dev/full")
    with pytest.raises(DataError) as caught:
        fetch_from(server, tmp_path, "good")
    assert str(caught.value) == (
        f"{tmp_path}/archive.tar.gz.part: the disk is full: expected room for 0 MB; "
        "free some or choose another folder with data.root; what has arrived is kept and will be continued"
    )


PROGRAM = """
import signal, sys
from pathlib import Path
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.download.fetch_archive import fetch_archive

class Loud:
    def note(self, text): print(text, flush=True)
    def progress(self, done, total, host): print("progress", flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may have it ignored
url, md5, size, folder = sys.argv[1:]
archive = Archive("archive.tar.gz", md5, int(size), folder="archive", mirrors=(url,))
there = lambda: (Path(folder) / "archive" / "hello.txt").exists()
fetch_archive(archive, Path(folder), is_there=there, report=Loud())
print("done" if there() else "not there", flush=True)
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


def start(server: MirrorServer, behaviour: str, folder: Path) -> subprocess.Popen[str]:
    facts = [server.url(behaviour), hashlib.md5(server.content).hexdigest(), str(len(server.content)), str(folder)]
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *facts], stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_download_once(packed: bytes, start_server: StartServer, tmp_path: Path):
    folder, server = tmp_path / "data", start_server(packed)
    processes = [start(server, "crawls_faster", folder) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert server.behaviours() == ["crawls_faster"]
    assert all(output.endswith("done\n") for output in outputs)
    waiting = f"another process is fetching archive into {folder}; waiting for it"
    assert sum(waiting in output for output in outputs) == 1
    assert (folder / "archive" / "noise.bin").read_bytes() == CONTENT


def test_download_stopped_by_ctrl_c_is_continued(packed: bytes, start_server: StartServer, tmp_path: Path):
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

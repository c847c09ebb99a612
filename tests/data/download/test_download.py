"""Downloads from a real web server that stalls, crawls, lies, breaks off, and so on."""

import hashlib
import random
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from cifar_cli.data.download.download import DownloadTimeouts, download
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.errors import DataError

CONTENT = random.Random(0).randbytes(40_000)
HASTE = DownloadTimeouts(
    head_start_seconds=0.1,
    connect_seconds=0.6,
    stall_seconds=0.3,
    crawl_bytes_per_second=200_000.0,
    crawl_window_seconds=0.2,
    useful_bytes=1000,
)


class MirrorServer(Protocol):
    """The server that conftest.py starts."""

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
    server: MirrorServer, folder: Path, *behaviours: str, timeouts: DownloadTimeouts = HASTE, **options
) -> Path:
    return download(archive_at(server, *behaviours), folder, timeouts=timeouts, **options)


def assert_fetched(path: Path, folder: Path) -> None:
    assert path.read_bytes() == CONTENT
    assert [file.name for file in folder.iterdir()] == ["archive.tar.gz"]


def test_a_good_mirror_sends_the_file_in_one_request_with_progress_to_the_end(server: MirrorServer, tmp_path: Path):
    notes = Notes()
    assert_fetched(fetch_from(server, tmp_path, "good", "missing", report=notes), tmp_path)
    assert server.requests == [("good", None)]
    assert notes.done == sorted(notes.done)
    assert notes.done[-1] == len(CONTENT)


def test_a_file_that_is_already_there_needs_no_request(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz").write_bytes(CONTENT)
    assert_fetched(fetch_from(server, tmp_path, "good"), tmp_path)
    assert server.requests == []


def test_a_damaged_file_is_replaced_with_a_note(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz").write_bytes(b"half a file")
    notes = Notes()
    assert_fetched(fetch_from(server, tmp_path, "good", report=notes), tmp_path)
    assert notes.texts == [f"{tmp_path}/archive.tar.gz is damaged and will be replaced"]


@pytest.mark.parametrize(
    "bad", ["missing", "broken", "web_page", "other_file", "lies", "stalls", "hangs", "crawls", "breaks_off"]
)
def test_after_a_bad_mirror_the_next_is_tried(server: MirrorServer, tmp_path: Path, bad: str):
    assert_fetched(fetch_from(server, tmp_path, bad, "good"), tmp_path)
    assert server.behaviours() == [bad, "good"]


def test_stalled_and_broken_off_downloads_continue_where_they_stopped(server: MirrorServer, tmp_path: Path):
    assert_fetched(fetch_from(server, tmp_path, "breaks_off", "stalls", "good"), tmp_path)
    assert server.requests == [("breaks_off", None), ("stalls", "bytes=20000-"), ("good", "bytes=20100-")]


def test_a_single_mirror_that_breaks_off_is_tried_again_while_that_helps(server: MirrorServer, tmp_path: Path):
    with pytest.raises(DataError, match="broke off"):
        fetch_from(server, tmp_path, "breaks_off")
    offsets = [0, 20000, 30000, 35000, 37500, 38750]  # half of the rest each time; the last sent under 1000 bytes
    assert server.requests[0] == ("breaks_off", None)
    assert [header for _, header in server.requests[1:]] == [f"bytes={offset}-" for offset in offsets[1:]]


@pytest.mark.parametrize(("useful_bytes", "requests"), [(1250, 6), (1251, 5)])
def test_a_mirror_is_tried_again_if_it_sent_exactly_the_useful_bytes(
    server: MirrorServer, tmp_path: Path, useful_bytes: int, requests: int
):
    with pytest.raises(DataError, match="broke off"):  # after 20000, 10000, 5000, 2500, 1250 and 625 bytes
        fetch_from(server, tmp_path, "breaks_off", timeouts=replace(HASTE, useful_bytes=useful_bytes))
    assert len(server.requests) == requests


def test_wrong_bytes_are_discarded_and_the_message_names_both_sums(server: MirrorServer, tmp_path: Path):
    with pytest.raises(DataError) as caught:
        fetch_from(server, tmp_path, "lies")
    lie = hashlib.md5(bytes(255 - byte for byte in CONTENT)).hexdigest()
    truth = hashlib.md5(CONTENT).hexdigest()
    assert f"127.0.0.1:{server.server_port}: sent wrong bytes: expected MD5 {truth}, found {lie}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_wrong_bytes_of_one_mirror_do_not_drop_the_mirror_that_finished_the_part(server: MirrorServer, tmp_path: Path):
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


def test_a_server_that_sends_another_part_is_dropped(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz.part").write_bytes(CONTENT[:100])
    with pytest.raises(DataError, match="sent another part of the file than was asked for"):
        fetch_from(server, tmp_path, "wrong_part")


def test_if_all_mirrors_crawl_the_fastest_is_used(server: MirrorServer, tmp_path: Path):
    notes = Notes()
    assert_fetched(fetch_from(server, tmp_path, "crawls", "crawls_faster", "missing", report=notes), tmp_path)
    assert server.behaviours() == ["crawls", "crawls_faster", "missing", "crawls_faster"]
    assert "kB/s; looking for a faster one" in notes.texts[0]


def test_the_only_mirror_may_crawl(server: MirrorServer, tmp_path: Path):
    assert_fetched(fetch_from(server, tmp_path, "crawls_faster"), tmp_path)
    assert server.behaviours() == ["crawls_faster"]


def test_deadline_gives_up_early_and_keeps_the_part(server: MirrorServer, tmp_path: Path):
    timeouts = replace(HASTE, connect_seconds=20, stall_seconds=20)  # it is the deadline that ends this
    with pytest.raises(DataError) as caught:
        fetch_from(server, tmp_path, "crawls", deadline_seconds=5, timeouts=timeouts)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/archive.tar.gz: would not arrive within 5 s. Tried:\n")
    assert "too slow: " in message  # and not stopped by the deadline itself
    assert "of 0.0 MB that have arrived are kept and will be continued." in message
    part = (tmp_path / "archive.tar.gz.part").read_bytes()
    assert part == CONTENT[: len(part)] != b""


def test_own_mirrors_come_first_and_one_that_ends_in_a_slash_is_a_folder(server: MirrorServer, tmp_path: Path):
    own = [server.url("missing"), server.url("good").removesuffix("archive.tar.gz")]
    assert_fetched(fetch_from(server, tmp_path, "broken", mirrors=own), tmp_path)
    assert server.behaviours() == ["missing", "good"]


def test_a_failure_has_the_reason_of_each_mirror(server: MirrorServer, tmp_path: Path):
    # Long enough on a busy machine that every mirror fails for its own reason.
    timeouts = replace(HASTE, connect_seconds=20)
    bad = ("missing", "broken", "web_page", "other_file", "hangs")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/archive.tar.gz"
        with pytest.raises(DataError) as caught:
            fetch_from(server, tmp_path, *bad, mirrors=[nobody], timeouts=timeouts)
    host = f"127.0.0.1:{server.server_port}"
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/archive.tar.gz: could not be downloaded. Tried:",
        f"  {nobody.split('/')[2]}: cannot be reached: Connection refused",
        f"  {host}: answered 404 Not Found",
        f"  {host}: answered 500 Internal Server Error",
        f"  {host}: sent a web page instead of the file",
        f"  {host}: has another file: 3 bytes instead of 40000",
        f"  {host}: cannot be reached: timed out",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_reported(server: MirrorServer, tmp_path: Path):
    (tmp_path / "archive.tar.gz.part").symlink_to("/dev/full")
    with pytest.raises(DataError) as caught:
        fetch_from(server, tmp_path, "good")
    assert str(caught.value) == (
        f"{tmp_path}/archive.tar.gz.part: the disk is full: expected room for 0 MB; "
        "free some or choose another folder with data.root; what has arrived is kept and will be continued"
    )

"""Datasets that are there, missing and damaged, and mirrors on a real server on the loopback."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cifar_cli.data.datasets import cifar
from cifar_cli.data.datasets.cifar import CifarFiles
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.diagnosis.finding import Situation
from cifar_cli.diagnosis.image_checks import check_dataset, check_mirrors, check_own_images

CONTENTS = {"train": b"train images", "test": b"test images", "meta": b"class names"}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None: ...

    def do_GET(self) -> None:
        size = {"/right.tar.gz": 7, "/other.tar.gz": 8}.get(self.path.partition("?")[0])
        self.send_response(404 if size is None else 200)
        self.send_header("Content-Length", str(size or 0))
        self.end_headers()


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server, which offers right.tar.gz of 7 bytes and other.tar.gz of 8 bytes."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.fixture
def set_mirrors(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes cifar10 a set of three small files, and returns a function that sets its mirrors."""

    def set_archive(*mirrors: str) -> None:
        parts = [{name: hashlib.md5(content).hexdigest()} for name, content in CONTENTS.items()]
        files = CifarFiles("cifar10", "small", *parts, labels_key=b"", class_names_key=b"")
        archive = Archive("right.tar.gz", md5="", size_bytes=7, folder="small", mirrors=mirrors)
        monkeypatch.setattr(cifar, "CIFAR10", cifar.dataset_source(files, archive))

    return set_archive


@pytest.mark.parametrize(
    ("found", "status", "text", "mend"),
    [
        (CONTENTS, "ok", "3 files, intact", ""),
        ({}, "warning", "not there", "cifar data fetch cifar10 --root {root}; a training fetches it too"),
        (
            {"train": b"train images"},
            "warning",
            "2 of 3 files are missing",
            "cifar data fetch cifar10 --root {root}",
        ),
        (
            CONTENTS | {"test": b"tast images"},
            "problem",
            "damaged: {root}/small/test",
            "cifar data fetch cifar10 --root {root}",
        ),
    ],
    ids=["complete", "none", "incomplete", "damaged"],
)
def test_files_are_compared_with_their_checksums(
    found: dict[str, bytes],
    status: str,
    text: str,
    mend: str,
    situation: Situation,
    set_mirrors: Callable[..., None],
    tmp_path: Path,
) -> None:
    set_mirrors()
    root = tmp_path / "data"
    (root / "small").mkdir(parents=True)
    for name, content in found.items():
        (root / "small" / name).write_bytes(content)
    finding = check_dataset("cifar10", situation)
    assert (finding.status, finding.text, finding.mend) == (status, text.format(root=root), mend.format(root=root))
    assert finding.values["ok"] == sum(CONTENTS[name] == content for name, content in found.items())


def test_datasets_that_few_people_want_may_be_missing(situation: Situation) -> None:
    assert check_dataset("cifar100", situation).status == "note"
    assert check_dataset("fashion_mnist", situation).status == "note"
    assert check_dataset("synthetic", situation).text == "drawn by the program"


def test_own_images_are_counted_and_their_absence_is_no_fault(situation: Situation, photos: Path) -> None:
    found = check_own_images(replace(situation, root=str(photos)))
    assert (found.status, found.text, found.values) == ("ok", "there: 72 images of 3 classes", {"images": 72})
    absent = check_own_images(replace(situation, root=None))
    assert (absent.status, absent.mend, absent.values) == ("note", "", {"images": 0})


def test_a_mirror_offers_the_right_file_or_says_why_not(
    situation: Situation, set_mirrors: Callable[..., None], server: str
) -> None:
    set_mirrors(f"http://{server}/right.tar.gz", f"http://{server}/other.tar.gz", f"http://{server}/missing")
    finding = check_mirrors("cifar10", situation)
    assert finding.status == "ok"
    assert finding.text.startswith(f"1 of 3 offer it: {server} ")
    assert [answer["is_right"] for answer in finding.values["mirrors"]] == [True, False, False]
    answers = [answer["answer"] for answer in finding.values["mirrors"]]
    assert answers[0].endswith(" ms")
    assert answers[1:] == ["has another file: 8 bytes instead of 7", "answered 404 Not Found"]


def test_without_any_mirror_there_is_a_warning_with_ways_out(
    situation: Situation, set_mirrors: Callable[..., None]
) -> None:
    set_mirrors("http://127.0.0.1:1/right.tar.gz")
    finding = check_mirrors("cifar10", situation)
    assert finding.status == "warning"
    assert finding.text == "0 of 1 offer it: 127.0.0.1:1 cannot be reached: Connection refused"
    assert "data.name=synthetic" in finding.mend


def test_ones_own_mirror_comes_first_without_its_password(
    situation: Situation, set_mirrors: Callable[..., None], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_mirrors(f"http://{server}/missing")
    monkeypatch.setenv("CIFAR_MIRROR", f"http://me:secret@{server}/right.tar.gz?token=secret")
    finding = check_mirrors("cifar10", situation)
    assert [answer["is_right"] for answer in finding.values["mirrors"]] == [True, False]
    assert "secret" not in f"{finding}"


def test_a_mirror_that_is_no_address_is_a_problem(
    situation: Situation, set_mirrors: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_mirrors()
    monkeypatch.setenv("CIFAR_MIRROR", "ftp://example.org/x")
    finding = check_mirrors("cifar10", situation)
    assert finding.status == "problem"
    assert "expected an address that begins with http:// or https://" in finding.text

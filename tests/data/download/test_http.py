"""Requests to a real web server: ranges, refusals, credentials, redirects, and a race of several servers."""

import base64
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cifar_cli.data.download import http
from cifar_cli.data.download.http import Connection, MirrorError, open_at, race_mirrors

CONTENT = bytes(range(256)) * 4
StartServer = Callable[[bytes], Any]


@pytest.fixture
def server(start_server: StartServer) -> Any:
    return start_server(CONTENT)


def received(url: str, *, offset: int = 0) -> tuple[int, bytes]:
    """Returns the position and the bytes of a server's response."""
    connection = open_at(url, offset=offset, size_bytes=len(CONTENT), timeout_seconds=60)
    with connection.response:
        return connection.start, connection.response.read()


def race(
    urls: list[str], *, connect_seconds: float = 60, head_start_seconds: float = 60
) -> tuple[Connection | None, dict[str, str]]:
    return race_mirrors(
        urls,
        offset=0,
        size_bytes=len(CONTENT),
        head_start_seconds=head_start_seconds,
        connect_seconds=connect_seconds,
        timeout_seconds=60,
    )


def test_a_response_starts_at_the_offset(server: Any) -> None:
    assert received(server.url("good")) == (0, CONTENT)
    assert received(server.url("good"), offset=100) == (100, CONTENT[100:])
    assert server.requests == [("good", None), ("good", "bytes=100-")]


@pytest.mark.parametrize("behaviour", ["ignores_range", "refuses_range"])
def test_a_server_without_ranges_sends_the_file_from_its_start(server: Any, behaviour: str) -> None:
    assert received(server.url(behaviour), offset=100) == (0, CONTENT)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("missing", "answered 404 Not Found"),
        ("broken", "answered 500 Internal Server Error"),
        ("web_page", "sent a web page instead of the file"),
        ("other_file", "has another file: 3 bytes instead of 1024"),
        ("wrong_part", "sent another part of the file than was asked for"),
    ],
)
def test_a_refusal_has_its_reason(server: Any, behaviour: str, reason: str) -> None:
    with pytest.raises(MirrorError) as caught:
        open_at(server.url(behaviour), offset=100, size_bytes=len(CONTENT), timeout_seconds=60)
    assert str(caught.value) == reason


def test_user_and_password_are_sent_to_the_mirror_and_not_to_a_server_that_it_redirects_to(
    server: Any, start_server: StartServer
) -> None:
    other = start_server(CONTENT)
    server.redirect_to = other.url("good")
    assert received(server.url("redirects").replace("//", "//me:p%40ss@")) == (0, CONTENT)
    assert server.authorizations == ["Basic " + base64.b64encode(b"me:p@ss").decode()]
    assert other.authorizations == [None]
    assert received(server.url("good")) == (0, CONTENT)
    assert server.authorizations[1:] == [None]


def test_after_a_failure_the_next_server_is_asked_at_once_and_later_servers_are_not(server: Any) -> None:
    urls = [server.url(behaviour) for behaviour in ("missing", "good", "broken")]
    connection, failures = race(urls)
    assert connection is not None
    with connection.response:
        assert connection.response.read() == CONTENT
    assert (connection.url, failures) == (urls[1], {urls[0]: "answered 404 Not Found"})
    assert server.behaviours() == ["missing", "good"]


def test_a_server_that_hangs_loses_to_the_next(server: Any) -> None:
    urls = [server.url(behaviour) for behaviour in ("hangs", "good")]
    connection, failures = race(urls, head_start_seconds=0.05)
    assert connection is not None
    connection.response.close()
    assert (connection.url, failures) == (urls[1], {})


def test_without_an_answer_every_server_has_a_failure(server: Any) -> None:
    urls = [server.url(behaviour) for behaviour in ("missing", "broken")]
    assert race(urls) == (
        None,
        {urls[0]: "answered 404 Not Found", urls[1]: "answered 500 Internal Server Error"},
    )


def test_name_lookups_that_hang_cannot_block_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    released, finished = threading.Event(), []

    def hang(*arguments: object, **options: object) -> None:
        released.wait(60)
        finished.append(True)
        raise OSError("released")

    monkeypatch.setattr(http, "urlopen", hang)
    urls = ["http://one.example/x", "http://two.example/x"]
    connection, failures = race(urls, connect_seconds=0.6, head_start_seconds=0.05)
    assert finished == []  # the race has ended while both lookups hang
    released.set()
    assert (connection, failures) == (None, dict.fromkeys(urls, "no answer within 1 s"))

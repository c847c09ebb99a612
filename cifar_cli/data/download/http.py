"""Opens a file on a web server at a given position, or on the first of several servers that answers."""

import http.client
import queue
import re
import threading
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen


class MirrorError(Exception):
    """A mirror failed. The text says what happened; it is caught inside the program."""


@dataclass(frozen=True)
class Connection:
    """An open response. start: the position in the file of the response's first byte."""

    url: str
    response: http.client.HTTPResponse
    start: int


def open_at(url: str, *, offset: int, size_bytes: int, timeout_seconds: float) -> Connection:
    """Requests a file of `size_bytes` from `offset` on. A server without ranges sends it from an earlier byte.

    timeout_seconds: for the connection, and later for each read. Raises MirrorError.
    """
    headers = {"User-Agent": "cifar-cli", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        response = urlopen(_request(url, headers), timeout=timeout_seconds)
    except HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            return open_at(url, offset=0, size_bytes=size_bytes, timeout_seconds=timeout_seconds)
        raise MirrorError(f"answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise MirrorError(f"cannot be reached: {_reason(error)}") from None
    try:
        return Connection(url, response, _checked_start(response, offset=offset, size_bytes=size_bytes))
    except MirrorError:
        response.close()
        raise


def _request(url: str, headers: Mapping[str, str]) -> Request:
    """Returns a request for a URL, which may hold a user and password: https://user:password@host/file."""
    parts = urlsplit(url)
    who, _, host = parts.netloc.rpartition("@")
    request = Request(urlunsplit(parts._replace(netloc=host)), headers=dict(headers))
    if who:
        # Unredirected: another server, to which this one redirects, must not get the password.
        request.add_unredirected_header("Authorization", f"Basic {b64encode(unquote(who).encode()).decode()}")
    return request


def race_mirrors(
    urls: Sequence[str],
    *,
    offset: int,
    size_bytes: int,
    head_start_seconds: float,
    connect_seconds: float,
    timeout_seconds: float,
) -> tuple[Connection | None, dict[str, str]]:
    """Returns the first server's connection that opens, and the failures until then, by URL.

    The servers are asked in order, each with a head start before the next is asked, too (as browsers do with addresses,
    RFC 8305). All together have `connect_seconds`, so a server that hangs, or its name lookup, cannot block the others.
    """
    answers: queue.SimpleQueue[Connection | tuple[str, MirrorError]] = queue.SimpleQueue()
    undecided = threading.Semaphore(1)  # the thread that acquires it wins the race

    def ask(url: str) -> None:
        try:
            connection = open_at(url, offset=offset, size_bytes=size_bytes, timeout_seconds=timeout_seconds)
        except MirrorError as error:
            answers.put((url, error))
            return
        if undecided.acquire(blocking=False):
            answers.put(connection)
        else:
            connection.response.close()

    failures: dict[str, str] = {}
    not_asked = list(urls)
    ends_at = time.monotonic() + connect_seconds
    while len(failures) < len(urls) and time.monotonic() < ends_at:
        if not_asked:
            # A daemon thread: a name lookup that hangs cannot be interrupted and must not keep the program alive.
            threading.Thread(target=ask, args=(not_asked.pop(0),), daemon=True).start()
        remaining = max(0.0, ends_at - time.monotonic())
        try:
            answer = answers.get(timeout=min(head_start_seconds, remaining) if not_asked else remaining)
        except queue.Empty:
            continue
        if isinstance(answer, Connection):
            return answer, failures
        failures[answer[0]] = str(answer[1])
    undecided.acquire(blocking=False)
    return None, failures | {url: f"no answer within {connect_seconds:.0f} s" for url in urls if url not in failures}


def _checked_start(response: http.client.HTTPResponse, *, offset: int, size_bytes: int) -> int:
    """Returns the position of the first byte, after a check that the headers describe the requested file."""
    if response.headers.get_content_type() == "text/html":
        raise MirrorError("sent a web page instead of the file")
    start, total = 0, response.headers.get("Content-Length")
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) > offset:
            raise MirrorError("sent another part of the file than was asked for")
        start, total = int(span[1]), None if span[2] == "*" else span[2]
    if total is not None and total != str(size_bytes):
        raise MirrorError(f"has another file: {total} bytes instead of {size_bytes}")
    return start


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return "timed out"
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause)

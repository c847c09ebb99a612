"""A real web server on the loopback that hands out one file in many bad ways. The path of the URL says which."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class MirrorServer(ThreadingHTTPServer):
    """Serves `content` at /<behaviour>/anything.

    requests: (behaviour, Range header) of each request in order. authorizations: the Authorization headers.
    redirect_to: the URL to which /redirects leads.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.requests: list[tuple[str, str | None]] = []
        self.authorizations: list[str | None] = []
        self.redirect_to = ""
        self.released = threading.Event()  # set: requests that hang end

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/archive.tar.gz"

    def behaviours(self) -> list[str]:
        return [behaviour for behaviour, _ in self.requests]

    def handle_error(self, request: object, client_address: object) -> None:
        """Prints nothing, because clients that disconnect are part of the tests."""


@pytest.fixture
def start_server() -> Iterator[Callable[[bytes], MirrorServer]]:
    """Starts servers of the given content, and stops them when the test is over."""
    servers = []

    def start(content: bytes) -> MirrorServer:
        servers.append(MirrorServer(content))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.released.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: MirrorServer

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        behaviour = self.path.split("/")[1]
        self.server.requests.append((behaviour, self.headers.get("Range")))
        self.server.authorizations.append(self.headers.get("Authorization"))
        getattr(self, behaviour)()

    def good(self) -> None:
        self._send(self._from_range())

    def ignores_range(self) -> None:
        self._head(200, len(self.server.content))
        self.wfile.write(self.server.content)

    def lies(self) -> None:
        self._send(self._from_range(), flip=True)

    def breaks_off(self) -> None:
        """Closes after half of the remaining bytes."""
        start = self._from_range()
        self._send(start, until=start + (len(self.server.content) - start) // 2)

    def breaks_off_lying(self) -> None:
        self._send(0, until=len(self.server.content) // 2, flip=True)

    def stalls(self) -> None:
        start = self._from_range()
        self._send(start, until=start + 100)
        self.server.released.wait(30)

    def hangs(self) -> None:
        self.server.released.wait(30)

    def crawls(self) -> None:
        self._crawl(100)

    def crawls_faster(self) -> None:
        self._crawl(1000)

    def missing(self) -> None:
        self.send_error(404)

    def broken(self) -> None:
        self.send_error(500)

    def web_page(self) -> None:
        page = b"<html>Please log in to this network</html>"
        self._head(200, len(page), content_type="text/html; charset=utf-8")
        self.wfile.write(page)

    def redirects(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.server.redirect_to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def other_file(self) -> None:
        self._head(200, 3)
        self.wfile.write(b"abc")

    def refuses_range(self) -> None:
        if self.headers.get("Range"):
            self.send_error(416)
        else:
            self.ignores_range()

    def wrong_part(self) -> None:
        content = self.server.content
        self._head(206, 10, content_range=f"bytes {len(content) - 10}-{len(content) - 1}/{len(content)}")
        self.wfile.write(content[-10:])

    def _from_range(self) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        return int(asked[1]) if asked else 0

    def _send(self, start: int, *, until: int | None = None, flip: bool = False) -> None:
        body = self.server.content[start:until]
        size = len(self.server.content)
        self._head(206 if start else 200, size - start, content_range=f"bytes {start}-{size - 1}/{size}")
        self.wfile.write(bytes(255 - byte for byte in body) if flip else body)
        self.wfile.flush()

    def _crawl(self, bytes_per_step: int) -> None:
        start, size = self._from_range(), len(self.server.content)
        self._head(206 if start else 200, size - start, content_range=f"bytes {start}-{size - 1}/{size}")
        for position in range(start, size, bytes_per_step):
            self.wfile.write(self.server.content[position : position + bytes_per_step])
            self.wfile.flush()
            time.sleep(0.02)

    def _head(
        self, status: int, length: int, *, content_range: str = "", content_type: str = "application/gzip"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        if status == 206:
            self.send_header("Content-Range", content_range)
        self.end_headers()

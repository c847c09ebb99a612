"""Downloads a published archive from the first mirror that is fast and sends the right bytes.

An interrupted download leaves `<name>.part`, and the next download, from any mirror, continues it.
"""

import errno
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from cifar_cli.data.download.checksums import file_state, md5_of
from cifar_cli.data.download.http import Connection, MirrorError, race_mirrors
from cifar_cli.data.download.mirrors import Archive, MirrorQueue, host_of
from cifar_cli.errors import DataError


class DownloadError(DataError):
    """No mirror sent the archive. The text lists the attempts."""


READ_BYTES = 64 * 1024
EARLIER_DOWNLOAD = "an earlier download"


class Report(Protocol):
    """Receives the events of a download."""

    def note(self, text: str) -> None:
        """Shows a message about the download."""

    def progress(self, done_bytes: int, total_bytes: int, host: str) -> None:
        """Receives the number of downloaded bytes, several times a second."""


class NullReport:
    """A Report that ignores everything."""

    def note(self, text: str) -> None: ...

    def progress(self, done_bytes: int, total_bytes: int, host: str) -> None: ...


@dataclass(frozen=True)
class DownloadTimeouts:
    """How long a download waits. With the defaults it fails within 20 s where there is no network."""

    head_start_seconds: float = 2.0  # of each mirror over the next one, when all are asked
    connect_seconds: float = 14.0  # for all mirrors together
    stall_seconds: float = 10.0  # without a single byte
    crawl_bytes_per_second: float = 200_000.0  # 170 MB in a quarter of an hour
    crawl_window_seconds: float = 8.0
    useful_bytes: int = 1_000_000  # a mirror that failed is tried again if it sent at least so many


class _CrawlError(Exception):
    def __init__(self, bytes_per_second: float) -> None:
        self.bytes_per_second = bytes_per_second


def download(
    archive: Archive,
    folder: Path,
    *,
    mirrors: Sequence[str] = (),
    deadline_seconds: float | None = None,
    report: Report | None = None,
    timeouts: DownloadTimeouts | None = None,
) -> Path:
    """Returns the archive's path in `folder`, after a download unless it is there, and a check of its MD5 sum.

    mirrors: URLs tried before the archive's own. deadline_seconds: gives up once it is clear that the download would
    take longer. Only one process at a time may download to a folder. Raises DownloadError with the attempts.
    """
    report, timeouts = report or NullReport(), timeouts or DownloadTimeouts()
    target = folder / archive.file_name
    state = file_state(target, md5=archive.md5)
    if state == "ok":
        return target
    if state == "damaged":
        report.note(f"{target} is damaged and will be replaced")
    download = _Download(archive, folder, mirrors, deadline_seconds, report, timeouts)
    download.run()
    os.replace(download.part, target)
    return target


class _Download:
    def __init__(
        self,
        archive: Archive,
        folder: Path,
        mirrors: Sequence[str],
        deadline_seconds: float | None,
        report: Report,
        timeouts: DownloadTimeouts,
    ) -> None:
        self.archive = archive
        self.folder = folder
        self.part = folder / f"{archive.file_name}.part"
        self.queue = MirrorQueue(archive.urls(mirrors))
        self.deadline_seconds = deadline_seconds
        self.ends_at = None if deadline_seconds is None else time.monotonic() + deadline_seconds
        self.report = report
        self.timeouts = timeouts
        # The mirrors that sent bytes of the part: if the bytes are wrong, one of these mirrors is to blame.
        self.origins = {EARLIER_DOWNLOAD} if self._part_bytes() else set()

    def run(self) -> None:
        """Tries mirror after mirror until the part is whole and right, or no mirror is left."""
        if self._part_bytes() >= self.archive.size_bytes and md5_of(self.part) != self.archive.md5:
            self._discard_part()
        while self._part_bytes() < self.archive.size_bytes:
            candidates = self.queue.candidates()
            if not candidates:
                raise DownloadError(self._failure("could not be downloaded"))
            if self._is_too_late():
                raise DownloadError(self._failure(f"would not arrive within {self.deadline_seconds:.0f} s"))
            connection = self._connect(candidates)
            if connection is not None:
                with connection.response:
                    self._receive(connection)

    def _connect(self, urls: Sequence[str]) -> Connection | None:
        remaining = float("inf") if self.ends_at is None else self.ends_at - time.monotonic()
        connection, failures = race_mirrors(
            urls,
            offset=self._part_bytes(),
            size_bytes=self.archive.size_bytes,
            head_start_seconds=self.timeouts.head_start_seconds,
            connect_seconds=max(0.1, min(self.timeouts.connect_seconds, remaining)),
            timeout_seconds=self.timeouts.stall_seconds,
        )
        for url, why in failures.items():
            self.queue.drop(url, why)
        return connection

    def _receive(self, connection: Connection) -> None:
        """Appends to the part what one mirror sends, until the mirror is done, stalls, is too slow, or breaks off."""
        before, url = self._part_bytes(), connection.url
        self.origins.add(url)
        try:
            with self.part.open("ab") as file:
                self._copy(connection, file)
        except _CrawlError as crawl:
            self.report.note(f"{host_of(url)} gives {crawl.bytes_per_second / 1000:.0f} kB/s; looking for a faster one")
            self.queue.leave_crawling(url, crawl.bytes_per_second)
        except MirrorError as error:
            if self._part_bytes() - before >= self.timeouts.useful_bytes:
                self.report.note(f"{host_of(url)} {error}; going on from where it stopped")
                self.queue.postpone(url, str(error))
            else:
                self._drop(url, str(error))
        except OSError as error:
            raise DataError(_write_failure(self.part, error, needed_bytes=self.archive.size_bytes)) from None
        else:
            self._check_complete_part(url)

    def _copy(self, connection: Connection, file: BinaryIO) -> None:
        position = connection.start
        done = file.seek(0, os.SEEK_END)
        window_began, window_bytes = time.monotonic(), 0
        while done < self.archive.size_bytes:
            chunk = self._read(connection)
            window_bytes += len(chunk)
            # A server without ranges sends the first bytes again.
            fresh = chunk[max(0, done - position) :][: self.archive.size_bytes - done]
            position += len(chunk)
            file.write(fresh)
            done += len(fresh)
            self.report.progress(done, self.archive.size_bytes, host_of(connection.url))
            elapsed = time.monotonic() - window_began
            if elapsed >= self.timeouts.crawl_window_seconds:
                if window_bytes / elapsed < self._lowest_rate(connection.url, done):
                    raise _CrawlError(window_bytes / elapsed)
                window_began, window_bytes = time.monotonic(), 0

    def _read(self, connection: Connection) -> bytes:
        try:
            chunk = connection.response.read1(READ_BYTES)
        except TimeoutError:
            raise MirrorError(f"sent nothing for {self.timeouts.stall_seconds:.0f} s") from None
        except Exception as error:  # sockets, TLS and chunked encoding raise errors of many kinds here
            raise MirrorError(f"broke off: {error}") from None
        if not chunk:
            raise MirrorError("broke off")
        return chunk

    def _lowest_rate(self, url: str, done_bytes: int) -> float:
        """Returns the rate in bytes per second below which a mirror is left for another."""
        if self.ends_at is not None:
            remaining_seconds = max(self.ends_at - time.monotonic(), 1e-3)
            return (self.archive.size_bytes - done_bytes) / remaining_seconds
        if self.queue.settled or not self.queue.has_alternative(url):
            return 0.0
        return self.timeouts.crawl_bytes_per_second

    def _check_complete_part(self, url: str) -> None:
        """Checks a complete part; if its bytes are wrong, drops the mirrors that may be to blame and starts over."""
        found = md5_of(self.part)
        if found == self.archive.md5:
            return
        suspects = self.origins - {url, EARLIER_DOWNLOAD} if len(self.origins) > 1 else {url}
        for suspect in suspects:
            self._drop(suspect, f"sent wrong bytes: expected MD5 {self.archive.md5}, found {found}")
        self._discard_part()

    def _is_too_late(self) -> bool:
        return self.ends_at is not None and (self.queue.settled or time.monotonic() > self.ends_at)

    def _drop(self, url: str, why: str) -> None:
        self.report.note(f"{host_of(url)} {why}")
        self.queue.drop(url, why)

    def _part_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _discard_part(self) -> None:
        self.part.unlink(missing_ok=True)
        self.origins = set()

    def _failure(self, what: str) -> str:
        name, size = self.archive.file_name, self.archive.size_bytes
        lines = [f"{self.folder.absolute() / name}: {what}. Tried:"]
        lines += [f"  {host_of(url)}: {why}" for url, why in self.queue.failures.items()]
        if kept := self._part_bytes():
            lines.append(
                f"The {kept / 1e6:.1f} of {size / 1e6:.1f} MB that have arrived are kept and will be continued."
            )
        return "\n".join(lines)


def _write_failure(path: Path, error: OSError, *, needed_bytes: int) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{path}: the disk is full: expected room for {needed_bytes / 1e6:.0f} MB; "
            "free some or choose another folder with data.root; what has arrived is kept and will be continued"
        )
    return f"{path}: cannot be written: {error.strerror}; choose another folder with data.root"

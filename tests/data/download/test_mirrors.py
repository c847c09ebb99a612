"""The URLs of an archive, and the order in which mirrors are tried."""

import pytest

from cifar_cli.data.download.mirrors import Archive, MirrorQueue, host_of
from cifar_cli.errors import UsageError

ARCHIVE = Archive(
    "images.tar.gz", md5="0" * 32, size_bytes=10, folder="images", mirrors=("https://a/images.tar.gz", "https://b/x")
)


def test_own_mirrors_come_first_and_every_url_once() -> None:
    own = ["http://own:8080/file?download=1", "https://b/x"]
    assert ARCHIVE.urls(own) == ["http://own:8080/file?download=1", "https://b/x", "https://a/images.tar.gz"]


def test_a_mirror_that_ends_in_a_slash_is_a_folder_with_the_file() -> None:
    assert ARCHIVE.urls(["https://own/data/"])[0] == "https://own/data/images.tar.gz"


@pytest.mark.parametrize(
    "mirror", ["/mnt/images.tar.gz", "ftp://own/x", "http://", "https:///x", "own/x", "http://[", "http://own:0/"]
)
def test_a_mirror_that_is_not_a_web_address_is_refused(mirror: str) -> None:
    with pytest.raises(UsageError) as caught:
        ARCHIVE.urls([mirror])
    assert str(caught.value) == (
        f"mirror: expected an address that begins with http:// or https://, found '{mirror}'; "
        "write for example https://example.org/images.tar.gz"
    )


def test_a_host_is_shown_without_user_and_password() -> None:
    assert host_of("https://me:p%40ss@mirror.example:8443/file") == "mirror.example:8443"
    assert host_of("http://mirror.example/file?user=me@x") == "mirror.example"


def test_all_waiting_mirrors_are_candidates_until_they_are_dropped() -> None:
    queue = MirrorQueue(["a", "b"])
    assert queue.candidates() == ["a", "b"]
    queue.drop("a", "answered 404")
    assert (queue.candidates(), queue.settled, queue.failures) == (["b"], False, {"a": "answered 404"})
    queue.drop("b", "timed out")
    assert (queue.candidates(), queue.settled) == ([], True)


def test_the_fastest_crawling_mirror_is_the_candidate_once_all_were_tried() -> None:
    queue = MirrorQueue(["a", "b", "c"])
    queue.leave_crawling("a", 50_000)
    queue.leave_crawling("b", 80_000)
    assert queue.candidates() == ["c"]
    assert queue.has_alternative("c")
    queue.drop("c", "timed out")
    assert queue.candidates() == ["b"]
    assert queue.failures["a"] == "too slow: 50 kB/s"
    queue.drop("b", "broke off")
    assert queue.candidates() == ["a"]
    assert not queue.has_alternative("a")


def test_a_postponed_mirror_comes_last() -> None:
    queue = MirrorQueue(["a", "b"])
    queue.postpone("a", "broke off")
    assert (queue.candidates(), queue.failures) == (["b", "a"], {"a": "broke off"})

"""The garbage collector around large imports."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cifar_cli.heavy_imports import heavy_imports


class Node:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()
    assert gc.isenabled()


def test_no_collection_runs_within_the_block() -> None:
    generations: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        generations.append(info["generation"])

    gc.callbacks.append(note)
    try:
        with heavy_imports():
            kept = [[] for _ in range(10 * gc.get_threshold()[0])]  # would collect several times
            assert generations == []
        assert gc.isenabled()
    finally:
        gc.callbacks.remove(note)
    assert len(kept) == 10 * gc.get_threshold()[0]


def test_garbage_made_behind_the_block_is_collected() -> None:
    with heavy_imports():
        pass
    reference = weakref.ref(Node())
    gc.collect()
    assert reference() is None


def test_the_collector_runs_again_after_an_error() -> None:
    with pytest.raises(ImportError), heavy_imports():
        raise ImportError
    assert gc.isenabled()


def test_the_collector_runs_again_behind_the_outer_block_only() -> None:
    with heavy_imports():
        with heavy_imports():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()

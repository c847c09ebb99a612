"""The breakdown: what belongs to which part, nothing lost between them, and nothing changed by watching."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cifar_cli.benchmark.breakdown import PARTS, Stopwatch, train_epoch_watched
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import train_epoch

CPU = torch.device("cpu")
A_STEP = ["data", "forward", "optimizer", "backward", "optimizer", "logging"]


class Noted(Stopwatch):
    """Remembers which parts ended, in their order, and when."""

    def __init__(self) -> None:
        super().__init__(CPU)
        self.ended: list[str] = []
        self.moments: list[float] = []

    def mark(self, part: str) -> None:
        self.ended.append(part)
        super().mark(part)
        self.moments.append(self._marks[-1][1])


def watched(training: Any, watch: Stopwatch, recorder: Any = None) -> None:
    observers = [recorder] if recorder else []
    train_epoch_watched(training.state, training.task, runtime=training.runtime, observers=observers, watch=watch)


def test_what_lies_between_two_marks_belongs_to_the_part_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([10.0, 11.0, 13.0, 16.0, 20.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    watch = Stopwatch(CPU)
    for part in ("start", "data", "forward", "data", "forward"):
        watch.mark(part)
    assert watch.seconds() == {"data": 1.0 + 3.0, "forward": 2.0 + 4.0}


def test_each_step_is_cut_into_all_its_parts_in_order(tiny_training: Callable[..., Any]) -> None:
    watch = Noted()
    watched(tiny_training(), watch)
    assert watch.ended == ["start", *A_STEP * 4, "rest"]
    assert set(A_STEP) == set(PARTS)


def test_the_parts_add_up_to_the_whole(tiny_training: Callable[..., Any]) -> None:
    watch = Noted()
    watched(tiny_training(), watch)
    assert set(watch.seconds()) == {*PARTS, "rest"}
    assert sum(watch.seconds().values()) == pytest.approx(watch.moments[-1] - watch.moments[0])


def test_observers_belong_to_the_logging(tiny_training: Callable[..., Any], recorder: Any) -> None:
    watch = Noted()
    heard: list[int] = []
    recorder.step_ended = lambda state: heard.append(len(watch.ended))
    watched(tiny_training(), watch, recorder)
    assert [watch.ended[number] for number in heard] == ["logging"] * 4  # what ends next


def test_a_watched_training_is_the_same_training(tiny_training: Callable[..., Any]) -> None:
    ours, other = tiny_training(), tiny_training()
    torch.manual_seed(1)
    train_epoch(ours.state, ours.task, runtime=ours.runtime, observers=(), stop=ShutdownRequest())
    torch.manual_seed(1)
    watched(other, Stopwatch(CPU))
    for mine, theirs in zip(ours.state.model.parameters(), other.state.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_it_takes_its_hooks_away_again(tiny_training: Callable[..., Any]) -> None:
    training, watch = tiny_training(), Noted()
    watched(training, watch)
    marks = len(watch.ended)
    training.state.totals.batches = 0
    train_epoch(training.state, training.task, runtime=training.runtime, observers=(), stop=ShutdownRequest())
    assert len(watch.ended) == marks


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_the_parts_add_up_too(tiny_training: Callable[..., Any]) -> None:
    training, watch = tiny_training(device="cuda"), Stopwatch(torch.device("cuda"))
    watched(training, watch)
    torch.cuda.synchronize()
    assert set(watch.seconds()) == {*PARTS, "rest"}
    assert min(watch.seconds().values()) >= 0

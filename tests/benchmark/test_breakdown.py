"""The breakdown: the parts of a step are in order and complete, and the stopwatch does not change the training."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import torch

from cifar_cli.benchmark.breakdown import PARTS, Stopwatch, train_epoch_with_stopwatch
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import train_epoch

CPU = torch.device("cpu")
PARTS_OF_A_STEP = ["data", "forward", "optimizer", "backward", "optimizer", "logging"]


class RecordingStopwatch(Stopwatch):
    """Remembers the parts in the order of their ends; a second passes from mark to mark."""

    def __init__(self) -> None:
        super().__init__(CPU, clock=count(0.0).__next__)
        self.ended: list[str] = []

    def mark(self, part: str) -> None:
        self.ended.append(part)
        super().mark(part)


def train_epoch_of(training: Any, stopwatch: Stopwatch, observers: tuple[Any, ...] = ()) -> None:
    train_epoch_with_stopwatch(
        training.state, training.task, runtime=training.runtime, observers=observers, stopwatch=stopwatch
    )


def test_the_time_between_two_marks_belongs_to_the_part_that_the_second_mark_ends() -> None:
    moments = iter([10.0, 11.0, 13.0, 16.0, 20.0])
    stopwatch = Stopwatch(CPU, clock=moments.__next__)
    for part in ("start", "data", "forward", "data", "forward"):
        stopwatch.mark(part)
    assert stopwatch.seconds() == {"data": 1.0 + 3.0, "forward": 2.0 + 4.0}


def test_each_step_has_all_its_parts_in_order(tiny_training: Callable[..., Any]) -> None:
    stopwatch = RecordingStopwatch()
    train_epoch_of(tiny_training(), stopwatch)
    assert stopwatch.ended == ["start", *PARTS_OF_A_STEP * 4, "rest"]
    assert set(PARTS_OF_A_STEP) == set(PARTS)


def test_a_batch_in_parts_has_a_forward_and_a_backward_pass_for_each_part(
    tiny_training: Callable[..., Any],
) -> None:
    stopwatch, training = RecordingStopwatch(), tiny_training()
    train_epoch_of(replace(training, task=replace(training.task, micro_batch_size=4)), stopwatch)
    passes = ["forward", "optimizer", "backward"]
    whole, in_two = ["data", *passes, "optimizer", "logging"], ["data", *passes, *passes, "optimizer", "logging"]
    assert stopwatch.ended == ["start", *in_two * 3, *whole, "rest"]  # batches of 7, 7, 7 and 3 images


def test_the_parts_add_up_to_the_whole(tiny_training: Callable[..., Any]) -> None:
    stopwatch = RecordingStopwatch()
    train_epoch_of(tiny_training(), stopwatch)
    seconds = {"data": 4.0, "forward": 4.0, "backward": 4.0, "optimizer": 8.0, "logging": 4.0, "rest": 1.0}
    assert stopwatch.seconds() == seconds  # of four steps, a second from mark to mark


def test_the_time_of_observers_is_logging(tiny_training: Callable[..., Any], recorder: Any) -> None:
    stopwatch = RecordingStopwatch()
    marks_before: list[int] = []
    recorder.step_ended = lambda state: marks_before.append(len(stopwatch.ended))
    train_epoch_of(tiny_training(), stopwatch, (recorder,))
    assert [stopwatch.ended[marks] for marks in marks_before] == ["logging"] * 4  # the next part to end


def test_a_training_with_a_stopwatch_gives_the_same_weights(tiny_training: Callable[..., Any]) -> None:
    plain, timed = tiny_training(), tiny_training()
    torch.manual_seed(1)
    train_epoch(plain.state, plain.task, runtime=plain.runtime, observers=(), shutdown=ShutdownRequest())
    torch.manual_seed(1)
    train_epoch_of(timed, Stopwatch(CPU))
    for expected, found in zip(plain.state.model.parameters(), timed.state.model.parameters(), strict=True):
        assert torch.equal(expected, found)


def test_the_hooks_are_removed_afterwards(tiny_training: Callable[..., Any]) -> None:
    training, stopwatch = tiny_training(), RecordingStopwatch()
    train_epoch_of(training, stopwatch)
    marks = len(stopwatch.ended)
    training.state.totals.batches = 0
    train_epoch(training.state, training.task, runtime=training.runtime, observers=(), shutdown=ShutdownRequest())
    assert len(stopwatch.ended) == marks


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_every_part_has_its_seconds(tiny_training: Callable[..., Any]) -> None:
    training, stopwatch = tiny_training(device="cuda"), Stopwatch(torch.device("cuda"))
    train_epoch_of(training, stopwatch)
    torch.cuda.synchronize()
    assert set(stopwatch.seconds()) == {*PARTS, "rest"}
    assert sum(stopwatch.seconds().values()) > 0

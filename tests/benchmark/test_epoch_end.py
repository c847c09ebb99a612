"""The end of an epoch: what is called, and the seconds by a fake clock."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from cifar_cli.benchmark.epoch_end import EpochEnd, time_epoch_end


def test_observers_log_three_epochs_each_as_the_best(tiny_training: Callable[..., Any], recorder: Any) -> None:
    training = tiny_training()
    best_epochs: list[int | None] = []
    record_epoch = recorder.epoch_ended

    def epoch_ended(state: Any, report: Any) -> None:
        best_epochs.append(state.progress.best_epoch)
        record_epoch(state, report)

    recorder.validated = lambda state, val: recorder.events.append("validated")
    recorder.epoch_ended = epoch_ended
    time_epoch_end(training.state, training.task, observers=[recorder])
    assert recorder.events == ["validated", "epoch 1", "validated", "epoch 2", "validated", "epoch 3"]
    assert best_epochs == [1, 2, 3]
    assert recorder.reports[0].val_loss is not None


def test_the_seconds_are_those_of_the_validation_and_the_median_of_the_logging(
    tiny_training: Callable[..., Any], recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = tiny_training()
    readings = iter([0.0, 7.0, 10.0, 11.0, 20.0, 25.0, 30.0, 32.0])  # 7 seconds; then 1, 5 and 2 seconds
    monkeypatch.setattr(time, "perf_counter", readings.__next__)
    assert time_epoch_end(training.state, training.task, observers=[recorder]) == EpochEnd(logging=2.0, validation=7.0)


def test_without_held_out_images_nothing_is_validated(tiny_training: Callable[..., Any], recorder: Any) -> None:
    training = tiny_training(validated=False)
    assert time_epoch_end(training.state, training.task, observers=[recorder]).validation is None
    assert recorder.reports[0].val_accuracy is None

"""What happens at the end of an epoch is timed by making it happen."""

from collections.abc import Callable
from typing import Any

from cifar_cli.benchmark.epoch_end import time_epoch_end


def test_it_has_observers_write_epochs_down_as_the_best(tiny_training: Callable[..., Any], recorder: Any) -> None:
    training = tiny_training()
    best: list[int | None] = []
    listen = recorder.epoch_ended
    recorder.validated = lambda state, val: recorder.events.append("validated")
    recorder.epoch_ended = lambda state, report: (best.append(state.progress.best_epoch), listen(state, report))
    found = time_epoch_end(training.state, training.task, observers=[recorder])
    assert recorder.events == ["validated", "epoch 1", "validated", "epoch 2", "validated", "epoch 3"]
    assert best == [1, 2, 3]
    assert recorder.reports[0].val_loss is not None
    assert found.logging >= 0
    assert found.validation is not None


def test_nothing_held_out_is_not_validated(tiny_training: Callable[..., Any], recorder: Any) -> None:
    training = tiny_training(validated=False)
    assert time_epoch_end(training.state, training.task, observers=[recorder]).validation is None
    assert recorder.reports[0].val_accuracy is None

"""Observers that a training can do without: their failure is told once, and they are closed all the same."""

from typing import Any

import pytest

from cifar_cli.errors import DivergedError, RunError
from cifar_cli.observers.optional_observers import OptionalObservers
from cifar_cli.training.observer import Observer


class Failing(Observer):
    """Fails at an event, and records the others."""

    def __init__(self, event: str, error: Exception) -> None:
        self.events: list[str] = []
        self._fails_at, self._error = event, error

    def __getattribute__(self, name: str) -> Any:
        if name not in {*vars(Observer), "close"} or name.startswith("_"):
            return super().__getattribute__(name)
        return lambda *_: self._called(name)

    def _called(self, name: str) -> None:
        self.events.append(name)
        if name == self._fails_at:
            raise self._error


STATE: Any = None
FULL = RunError("run: could not be written: No space left on device")


def call_all(observer: Observer) -> None:
    observer.training_started(STATE)
    observer.step_ended(STATE)
    observer.validated(STATE, STATE)
    observer.epoch_ended(STATE, STATE)
    observer.training_stopped(STATE)
    observer.close()


def test_all_events_reach_all_observers_in_their_order() -> None:
    observers = [Failing("never", FULL), Failing("never", FULL)]
    warnings: list[str] = []
    call_all(OptionalObservers("pictures", observers, warn=warnings.append))
    events = ["training_started", "step_ended", "validated", "epoch_ended", "training_stopped", "close"]
    assert [observer.events for observer in observers] == [events, events]
    assert not warnings


@pytest.mark.parametrize("event", ["training_started", "step_ended", "validated", "epoch_ended", "training_stopped"])
def test_after_a_failure_there_is_one_warning_and_no_further_call_but_close(event: str) -> None:
    first, second = Failing(event, FULL), Failing("close", FULL)
    warnings: list[str] = []
    call_all(OptionalObservers("pictures", [first, second], warn=warnings.append))
    assert warnings == [f"{FULL}; training goes on without pictures"]
    assert first.events[-2:] == [event, "close"]
    assert event not in second.events
    assert second.events[-1] == "close"


def test_other_errors_end_the_training() -> None:
    observers = OptionalObservers("pictures", [Failing("step_ended", DivergedError("nan"))], warn=print)
    with pytest.raises(DivergedError):
        observers.step_ended(STATE)

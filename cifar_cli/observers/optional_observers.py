"""Calls the observers that a training can do without."""

from collections.abc import Callable, Sequence
from functools import partial

from cifar_cli.errors import RunError
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class OptionalObservers(Observer):
    """Calls observers in their order. If one cannot write, warns once and calls none of them any more.

    subject: what the observers write, for the warning.
    """

    def __init__(self, subject: str, observers: Sequence[Observer], *, warn: Callable[[str], None]) -> None:
        self._subject = subject
        self._observers = observers
        self._warn = warn
        self._has_failed = False

    def training_started(self, state: TrainingState) -> None:
        self._call(lambda observer: observer.training_started(state))

    def step_ended(self, state: TrainingState) -> None:
        self._call(lambda observer: observer.step_ended(state))

    def validated(self, state: TrainingState, evaluation: Evaluation) -> None:
        self._call(lambda observer: observer.validated(state, evaluation))

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        self._call(lambda observer: observer.epoch_ended(state, report))

    def training_stopped(self, state: TrainingState) -> None:
        self._call(lambda observer: observer.training_stopped(state))

    def close(self) -> None:
        for observer in self._observers:  # each of them, also after a failure: they hold files
            self._try(observer.close)

    def _call(self, event: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            if self._has_failed:
                return
            self._try(partial(event, observer))

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except RunError as error:
            if not self._has_failed:
                self._warn(f"{error}; training goes on without {self._subject}")
            self._has_failed = True

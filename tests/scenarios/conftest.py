"""What scenarios share: actions at a chosen step of a training that the command line starts."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from cifar_cli.runner import observers
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import TrainingState

Action = Callable[[TrainingState], object]


class AtStep(Observer):
    def __init__(self, step: int, action: Action) -> None:
        self._step = step
        self._action = action

    def step_ended(self, state: TrainingState) -> None:
        if state.progress.step == self._step:
            self._action(state)


@pytest.fixture(autouse=True)
def signals_have_their_usual_effect() -> Iterator[None]:
    """Gives Ctrl-C and SIGHUP the effect that a shell takes from programs in the background, and nohup from its own."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    inherited = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in inherited.items():
        signal.signal(number, handler)


@pytest.fixture
def at_step() -> Callable[[int, Action], AbstractContextManager[None]]:
    """Returns a context manager in which trainings call `action` after step `step`, before anything of it is saved."""

    @contextmanager
    def act(step: int, action: Action) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(observers, "EXTRA_OBSERVERS", [AtStep(step, action)])
            yield

    return act

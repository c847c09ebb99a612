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
def ctrl_c_interrupts() -> Iterator[None]:
    """Gives Ctrl-C its usual effect, which a shell takes from programs that it starts in the background."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


@pytest.fixture
def at_step() -> Callable[[int, Action], AbstractContextManager[None]]:
    """Returns a context manager in which trainings call `action` after step `step`, before anything of it is saved."""

    @contextmanager
    def act(step: int, action: Action) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(observers, "EXTRA_OBSERVERS", [AtStep(step, action)])
            yield

    return act

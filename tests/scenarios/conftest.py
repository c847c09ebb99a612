"""What scenarios share: actions at a chosen step of a training that the command line starts, and workers as threads."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import SimpleNamespace

import pytest
import torch

from cifar_cli.errors import CifarError
from cifar_cli.runner import observers
from cifar_cli.sweep import pool
from cifar_cli.sweep.pool import Worker
from cifar_cli.sweep.train_trial import serve_trials
from cifar_cli.sweep.trial_messages import WorkerSettings
from cifar_cli.training.graceful_shutdown import ShutdownRequest
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


@pytest.fixture
def assert_equal_values() -> Callable[[object, object], None]:
    """Returns a function that asserts that parts of two checkpoints are equal to the bit, texts included."""

    def assert_equal(actual: object, expected: object) -> None:
        if isinstance(expected, dict):
            assert isinstance(actual, dict)
            assert actual.keys() == expected.keys()
            for key, value in expected.items():
                assert_equal(actual[key], value)
        elif isinstance(expected, list | tuple):
            assert isinstance(actual, list | tuple)
            for one, other in zip(actual, expected, strict=True):
                assert_equal(one, other)
        elif isinstance(expected, torch.Tensor):
            torch.testing.assert_close(actual, expected, rtol=0, atol=0)
        else:
            assert actual == expected

    return assert_equal


@pytest.fixture
def worker_threads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[WorkerSettings, ShutdownRequest]]:
    """Has the workers of a sweep be threads; returns of those that were started the settings and what stops them."""
    started: list[tuple[WorkerSettings, ShutdownRequest]] = []

    def serve(channel: Connection, settings: WorkerSettings, shutdown: ShutdownRequest) -> None:
        with suppress(OSError, CifarError):  # the test has closed the channel
            serve_trials(channel, settings, shutdown)

    def start(settings: WorkerSettings) -> Worker:
        ours, theirs = Pipe()
        shutdown = ShutdownRequest()
        started.append((settings, shutdown))
        thread = threading.Thread(target=serve, args=(theirs, settings, shutdown), daemon=True)
        thread.start()
        terminate: Callable[[], None] = lambda: setattr(shutdown, "signal_number", signal.SIGTERM)  # noqa: E731
        process = SimpleNamespace(terminate=terminate, kill=terminate, join=thread.join, exitcode=0)
        return Worker(process, ours, settings)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "_start", start)
    return started

"""Real signals to this very process, and the handlers that were there before."""

import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """Gives a failing test's handlers back, so that the other tests do not suffer from it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    """Sends a signal to this process and waits until Python has handled it."""
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_only_noted(number: int) -> None:
    with graceful_shutdown() as request:
        assert request == ShutdownRequest(signal_number=None)
        send(number)
        assert request.signal_number == number


def test_a_second_ctrl_c_interrupts_at_once() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with graceful_shutdown() as request:
        send(signal.SIGINT)
        assert request.signal_number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_reaches_the_handler_that_was_there_before(number: int) -> None:
    caught: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    signal.signal(number, remember)
    with graceful_shutdown():
        send(number)
        assert caught == []
        send(number)
    assert caught == [number]


def test_the_handlers_are_put_back_afterwards_also_when_the_work_fails() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with graceful_shutdown():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with pytest.raises(RuntimeError, match="broken"), graceful_shutdown():
        raise RuntimeError("broken")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_highest_signal_of_all_processes_is_the_one_to_stop_for() -> None:
    with graceful_shutdown(lambda own: max(own, signal.SIGTERM)) as request:
        assert request.signal_number is None
        assert request.agreed() == signal.SIGTERM
    with graceful_shutdown() as request:
        assert request.agreed() is None
        send(signal.SIGINT)
        assert request.agreed() == signal.SIGINT

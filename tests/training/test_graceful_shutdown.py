"""Real signals to this process, and its handlers before and after."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """Restores the handlers after a failed test."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may be run by nohup
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_only_noted(number: int) -> None:
    with graceful_shutdown() as request:
        assert request == ShutdownRequest(signal_number=None)
        signal.raise_signal(number)
        assert request.signal_number == number


def test_a_second_ctrl_c_interrupts_at_once() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with graceful_shutdown() as request:
        signal.raise_signal(signal.SIGINT)
        assert request.signal_number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_reaches_the_previous_handler(number: int) -> None:
    caught: list[int] = []

    def record(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    signal.signal(number, record)
    with graceful_shutdown():
        signal.raise_signal(number)
        assert caught == []
        signal.raise_signal(number)
    assert caught == [number]


def test_the_handlers_are_restored_afterwards_also_after_an_exception() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with graceful_shutdown():
        assert all(signal.getsignal(number) != handler for number, handler in zip(SIGNALS, before, strict=True))
    assert [signal.getsignal(number) for number in SIGNALS] == before
    with pytest.raises(RuntimeError, match="broken"), graceful_shutdown():
        raise RuntimeError("broken")
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_hangup_that_nohup_has_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with graceful_shutdown() as request:
        signal.raise_signal(signal.SIGHUP)
        assert request.signal_number is None
        signal.raise_signal(signal.SIGTERM)
        assert request.signal_number == signal.SIGTERM
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_the_second_hangup_of_a_closed_terminal_has_no_effect_nor_has_one_afterwards() -> None:
    with graceful_shutdown() as request:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)  # its usual effect would end these tests
        assert request.signal_number == signal.SIGHUP
    signal.raise_signal(signal.SIGHUP)


def test_a_terminal_that_is_closed_after_ctrl_c_does_not_keep_it_from_saving() -> None:
    with graceful_shutdown() as request:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGHUP)
        assert request.signal_number == signal.SIGINT
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_processes_agree_on_the_highest_signal_number() -> None:
    with graceful_shutdown(lambda own: max(own, signal.SIGTERM)) as request:
        assert request.signal_number is None
        assert request.agreed() == signal.SIGTERM
    with graceful_shutdown() as request:
        assert request.agreed() is None
        signal.raise_signal(signal.SIGINT)
        assert request.agreed() == signal.SIGINT

"""Turns the first Ctrl-C, SIGTERM or SIGHUP into a request to stop, which the loop fulfils after its current step."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from cifar_cli.distributed.process_group import SINGLE_PROCESS

HANGUP: int | None = getattr(signal, "SIGHUP", None)  # Windows has none


def stopping_signals() -> list[int]:
    """Returns the signals to stop for. SIGHUP, of a terminal that closes, is not one where nohup has it ignored."""
    is_hangup_handled = HANGUP is not None and signal.getsignal(HANGUP) != signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([HANGUP] if HANGUP is not None and is_hangup_handled else [])]


@dataclass
class ShutdownRequest:
    """The number of the signal that asked for a shutdown; None without one.

    all_reduce_max: returns the highest number among the processes of a training.
    """

    signal_number: int | None = None
    all_reduce_max: Callable[[int], int] = field(default=SINGLE_PROCESS.all_reduce_max, compare=False)

    def agreed(self) -> int | None:
        """Returns the signal to stop for, or None. Collective: every process must call it at the same point."""
        return self.all_reduce_max(self.signal_number or 0) or None


@contextmanager
def graceful_shutdown(
    all_reduce_max: Callable[[int], int] = SINGLE_PROCESS.all_reduce_max,
) -> Iterator[ShutdownRequest]:
    """Notes the first of `stopping_signals` in the request that it yields; a second signal has its usual effect.

    A second signal that is a SIGHUP has none: a terminal that closes sends several, and none of them means "at once".
    After a SIGHUP it stays ignored, so that the end of the training can still be written down. Python handles signals
    in the main thread only. all_reduce_max: see ShutdownRequest.
    """
    request = ShutdownRequest(all_reduce_max=all_reduce_max)
    previous = {number: signal.getsignal(number) for number in stopping_signals()}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def note_signal(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        restore()
        if HANGUP in previous:
            signal.signal(HANGUP, signal.SIG_IGN)

    for number in previous:
        signal.signal(number, note_signal)
    try:
        yield request
    finally:
        if request.signal_number is None or request.signal_number != HANGUP:
            restore()

"""Turns the first Ctrl-C or SIGTERM into a request that the training loop grants after its current step."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _own_number(number: int) -> int:
    """The all_reduce_max of a single process."""
    return number


@dataclass
class ShutdownRequest:
    """The number of the signal that asked for a shutdown, None where none has.

    all_reduce_max: returns the highest of the numbers that the processes of a training call it with.
    """

    signal_number: int | None = None
    all_reduce_max: Callable[[int], int] = field(default=_own_number, compare=False)

    def agreed(self) -> int | None:
        """Returns the signal to stop for, or None. Collective: every process must call it at the same point."""
        return self.all_reduce_max(self.signal_number or 0) or None


@contextmanager
def graceful_shutdown(all_reduce_max: Callable[[int], int] = _own_number) -> Iterator[ShutdownRequest]:
    """Notes the first Ctrl-C or SIGTERM in the request that it yields; a second signal has its usual effect.

    Python handles signals in the main thread only. all_reduce_max: see ShutdownRequest.
    """
    request = ShutdownRequest(all_reduce_max=all_reduce_max)
    previous = {number: signal.getsignal(number) for number in STOPPING_SIGNALS}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def note_signal(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        restore()

    for number in STOPPING_SIGNALS:
        signal.signal(number, note_signal)
    try:
        yield request
    finally:
        restore()

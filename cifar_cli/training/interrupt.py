"""Turns Ctrl-C and SIGTERM into a wish that the loop grants between two steps. Knows nothing of training."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class StopRequest:
    """Which signal asked for an end, if any did."""

    signal_number: int | None = None


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Within it, the first Ctrl-C or SIGTERM is only noted; a second one acts as it would have without us.

    Works in the main thread alone, as Python's signals do.
    """
    request = StopRequest()
    previous = {number: signal.getsignal(number) for number in STOPPING_SIGNALS}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        restore()

    for number in STOPPING_SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()

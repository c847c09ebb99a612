"""Turns Ctrl-C and SIGTERM into a wish that the loop grants between two steps. Knows nothing of training."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _alone(number: int) -> int:
    return number


@dataclass
class ShutdownRequest:
    """Which signal asked for an end, if any did.

    all_reduce_max: makes of this process's number the all_reduce_max of all processes that train together.
    """

    signal_number: int | None = None
    all_reduce_max: Callable[[int], int] = field(default=_alone, compare=False)

    def agreed(self) -> int | None:
        """Returns the signal to stop for, the same in every process; each has to ask at the same point."""
        return self.all_reduce_max(self.signal_number or 0) or None


@contextmanager
def graceful_shutdown(all_reduce_max: Callable[[int], int] = _alone) -> Iterator[ShutdownRequest]:
    """Within it, the first Ctrl-C or SIGTERM is only noted; a second one acts as it would have without us.

    Works in the main thread alone, as Python's signals do. all_reduce_max: see StopRequest.
    """
    request = ShutdownRequest(all_reduce_max=all_reduce_max)
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

"""Turns the first Ctrl-C or SIGTERM into a request to stop, which the training loop fulfils after its current step."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from cifar_cli.distributed.process_group import SINGLE_PROCESS

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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

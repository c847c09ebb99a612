"""The worker processes of a sweep, as the coordinating process sees them."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe, connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from cifar_cli.spawn import start_process
from cifar_cli.sweep.trial_messages import TrialEpoch, TrialOrder, TrialResult, WorkerSettings
from cifar_cli.sweep.worker import work

SECONDS_BETWEEN_LOOKS = 0.5  # at a signal or a deadline, while all workers are busy


@dataclass
class Worker:
    """A worker process. number: of the trial that it trains, None for an idle one."""

    process: SpawnProcess
    channel: Connection
    settings: WorkerSettings
    number: int | None = None


@dataclass(frozen=True)
class WorkerDeath:
    """A worker process ended while it trained a trial. reason: in words."""

    number: int
    reason: str


class Pool:
    """Workers, each started with its first trial, and started anew after a death."""

    def __init__(self, settings: list[WorkerSettings]) -> None:
        self._waiting = list(reversed(settings))
        self._workers: list[Worker] = []

    @property
    def busy(self) -> list[int]:
        """The trials that are being trained."""
        return [worker.number for worker in self._workers if worker.number is not None]

    @property
    def has_room(self) -> bool:
        """Whether a worker is idle, or can be started."""
        return bool(self._waiting) or any(worker.number is None for worker in self._workers)

    def order(self, order: TrialOrder) -> None:
        """Has an idle worker train a trial."""
        worker = next((each for each in self._workers if each.number is None), None)
        if worker is None:
            worker = _start(self._waiting.pop())
            self._workers.append(worker)
        worker.number = order.number
        with suppress(OSError):  # it has just ended, which `events` tells
            worker.channel.send(order)

    def events(self) -> Iterator[TrialEpoch | TrialResult | WorkerDeath]:
        """Waits a moment, and yields what the workers say. A TrialEpoch has to be answered."""
        busy = {worker.channel: worker for worker in self._workers if worker.number is not None}
        for ready in connection.wait(list(busy), timeout=SECONDS_BETWEEN_LOOKS):
            worker = busy[ready]  # type: ignore[index]  # connections only
            assert worker.number is not None
            try:
                said: TrialEpoch | TrialResult = worker.channel.recv()
            except (EOFError, OSError):
                number, reason = worker.number, self._bury(worker)
                yield WorkerDeath(number, reason)
                continue
            if isinstance(said, TrialResult):
                worker.number = None
            yield said

    def answer(self, number: int, *, is_pruned: bool) -> None:
        """Answers a TrialEpoch."""
        worker = next(each for each in self._workers if each.number == number)
        with suppress(OSError):  # it has just ended, which `events` tells
            worker.channel.send(is_pruned)

    def stop(self) -> None:
        """Asks every busy worker to save its trial and to say so."""
        for worker in self._workers:
            if worker.number is not None:
                worker.process.terminate()

    def close(self) -> None:
        """Ends the workers: idle ones by themselves, busy ones at once."""
        for worker in self._workers:
            if worker.number is not None:
                worker.process.kill()
            worker.channel.close()
        for worker in self._workers:
            worker.process.join()
        self._workers = []

    def _bury(self, worker: Worker) -> str:
        """Forgets a worker that has ended, so that another takes its place; returns why it has ended."""
        worker.process.join()
        worker.channel.close()
        self._workers.remove(worker)
        self._waiting.append(worker.settings)
        code = worker.process.exitcode or 0
        if code >= 0:
            return f"its process ended with code {code}; {worker.settings.log} may say why"
        name = signal.Signals(-code).name
        memory = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{memory}"


def _start(settings: WorkerSettings) -> Worker:
    ours, theirs = Pipe()
    process = start_process(work, theirs, settings)
    theirs.close()
    return Worker(process, ours, settings)

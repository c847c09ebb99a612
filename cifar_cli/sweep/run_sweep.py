"""Runs a sweep: asks for trials, has workers train them, and records how they end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cifar_cli.console.streams import note
from cifar_cli.console.sweep_tables import describe_trial
from cifar_cli.errors import CifarError, StoppedError
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import FAILED, TrialRecord, best_of
from cifar_cli.sweep.pool import Pool, WorkerDeath
from cifar_cli.sweep.study import SweepStudy
from cifar_cli.sweep.trial_messages import INTERRUPTED, TrialEpoch, TrialOrder, TrialResult
from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown

MAX_DEATHS = 2  # of the processes of one trial: the first may have been an accident
MAX_FAILURES = 3  # of trials one after the other, without a complete one: the cause is not in their values


@dataclass
class TrialLoop:
    """The trials of one command, from the first to the last or until something stops it.

    ends_at: on time.monotonic's clock, None without a limit. changed: called after each finished trial with all trials.
    resume_command: continues the sweep.
    """

    folder: SweepFolder
    study: SweepStudy
    pool: Pool
    ends_at: float | None
    changed: Callable[[list[TrialRecord]], object]
    resume_command: str
    is_stopping: bool = False
    failures: list[str] = field(default_factory=list)
    interrupted: list[int] = field(default_factory=list)

    def run(self) -> bool:
        """Trains until there is no trial left; returns false if the time was over before.

        Raises StoppedError after Ctrl-C and the like, CifarError if trial after trial fails. The trials that were being
        trained are saved, or are trained from their last checkpoint on when the sweep is resumed.
        """
        waiting = self.study.interrupted()
        if waiting:
            note(f"resuming {name_trials(waiting)}")
        has_more = True
        try:
            with graceful_shutdown() as shutdown:
                while True:
                    self._look_at(shutdown)
                    while not self.is_stopping and self.pool.has_room and has_more:
                        number = waiting.pop(0) if waiting else self.study.ask()
                        has_more = number is not None
                        if number is not None:
                            self._order(number)
                    if not self.pool.busy:
                        break
                    for event in self.pool.events():
                        self._handle(event)
        except KeyboardInterrupt as error:  # the second Ctrl-C
            raise StoppedError(f"stopped at once; continue with: {self.resume_command}") from error
        finally:
            self.pool.close()
        self.interrupted += waiting  # never ordered: the time was over before
        if len(self.failures) >= MAX_FAILURES:
            raise CifarError(
                f"{self.folder.path}: expected trials that can be trained, found {len(self.failures)} one after the "
                f"other that cannot: {self.failures[-1]}; mend the cause, and {self.study.way_on(self.resume_command)}"
            )
        if shutdown.signal_number:
            raise StoppedError(
                f"stopped; the trials that were being trained are saved; continue with: {self.resume_command}",
                signal_number=shutdown.signal_number,
            )
        return not (has_more or self.interrupted)

    def _look_at(self, shutdown: ShutdownRequest) -> None:
        """Stops the workers if a signal came, if the time is over, or if trial after trial fails."""
        is_late = self.ends_at is not None and time.monotonic() >= self.ends_at
        if self.is_stopping or not (shutdown.signal_number or is_late or len(self.failures) >= MAX_FAILURES):
            return
        self.is_stopping = True
        if self.pool.busy:
            note(f"saving {name_trials(self.pool.busy)}")
        self.pool.stop()

    def _order(self, number: int) -> None:
        self.pool.order(TrialOrder(number, self.study.values(number), self.folder.trial(number).path))

    def _handle(self, event: TrialEpoch | TrialResult | WorkerDeath) -> None:
        if isinstance(event, TrialEpoch):
            is_pruned = self.study.report(event.number, epoch=event.epoch, val_accuracy=event.val_accuracy)
            self.pool.answer(event.number, is_pruned=is_pruned)
        elif isinstance(event, WorkerDeath):
            self._handle_death(event)
        elif event.outcome == INTERRUPTED:
            self.interrupted.append(event.number)
        else:
            self._finish(event)

    def _handle_death(self, death: WorkerDeath) -> None:
        """Has the trial trained again from its last checkpoint; a trial whose process dies again has failed."""
        if self.is_stopping:
            self.interrupted.append(death.number)
            return
        deaths = int(self.study.fact(death.number, "deaths") or 0) + 1
        self.study.note(death.number, deaths=deaths)
        if deaths < MAX_DEATHS:
            note(f"trial {death.number}: {death.reason}; it goes on from its last checkpoint")
            self._order(death.number)
        else:
            self._finish(TrialResult(death.number, FAILED, error=death.reason))

    def _finish(self, result: TrialResult) -> None:
        self.study.finish(
            result.number,
            outcome=result.outcome,
            val_accuracy=result.val_accuracy,
            epochs=result.epochs,
            seconds=result.seconds,
            error=result.error,
        )
        if result.outcome == FAILED:
            self.failures.append(f"trial {result.number}: {result.error}")
        else:
            self.failures.clear()
        trials = self.study.trials()
        trial = next(each for each in trials if each.number == result.number)
        note(describe_trial(trial, best=best_of(trials)))
        self.changed(trials)


def name_trials(numbers: list[int]) -> str:
    """Returns `trial 3` or `trials 3, 4`."""
    return f"{'trial' if len(numbers) == 1 else 'trials'} {', '.join(map(str, numbers))}"

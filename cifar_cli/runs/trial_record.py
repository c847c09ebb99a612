"""What is known of a trial: its values, how it ended, and where its run is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMPLETE, PRUNED, DIVERGED, FAILED, UNFINISHED = "complete", "pruned", "diverged", "failed", "unfinished"
OUTCOMES = (COMPLETE, PRUNED, DIVERGED, FAILED)


@dataclass(frozen=True)
class TrialRecord:
    """A trial.

    values: of the searched keys, as YAML. outcome: one of OUTCOMES, or UNFINISHED for one that is being trained or was
    stopped. val_accuracy: of its best epoch so far, in [0, 1]; None if no epoch was validated. host: the other machine
    on which its run folder is, empty for this sweep's own. error: why a trial diverged or failed.
    """

    number: int
    values: Mapping[str, str]
    outcome: str
    val_accuracy: float | None = None
    epochs: int = 0
    seconds: float | None = None
    run: Path | None = None
    host: str = ""
    error: str | None = None

    @property
    def is_finished(self) -> bool:
        return self.outcome in OUTCOMES

    def as_dict(self) -> dict[str, Any]:
        """Returns the trial as JSON values."""
        return {
            "trial": self.number,
            "outcome": self.outcome,
            "val_accuracy": self.val_accuracy,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "run": self.run.name if self.run else None,
            **({"host": self.host} if self.host else {}),
            "values": dict(self.values),
            **({"error": self.error} if self.error else {}),
        }


def best_of(trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """Returns the complete trial with the highest validation accuracy, of equal ones the first; None without one."""
    complete = [trial for trial in trials if trial.outcome == COMPLETE and trial.val_accuracy is not None]
    return max(complete, key=lambda trial: (trial.val_accuracy or 0.0, -trial.number), default=None)


def best_first(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Returns the trials in the order of a table: complete ones by accuracy, then pruned ones, then the others."""

    def rank(trial: TrialRecord) -> tuple[int, float, int]:
        order = (*OUTCOMES, UNFINISHED).index(trial.outcome)
        return order, -(trial.val_accuracy or 0.0), trial.number

    return sorted(trials, key=rank)

"""The errors that a person can cause, each with its exit code.

CifarError                   1   the work failed
├── DataError                1   no data, damaged data, a download that did not come through
├── CheckpointError          1   a checkpoint that is missing, damaged, or of another model
├── RunError                 1   a run folder that cannot be found, read or written
├── DivergedError            1   a training whose loss is no longer a number
├── UsageError               2   a command line that makes no sense
│   └── ConfigError          2   a configuration with mistakes in it, all of them
└── StoppedError  130, 143, 129   stopped by Ctrl-C, SIGTERM or SIGHUP, after saving; by a second Ctrl-C at once
"""

import difflib
import signal
from collections.abc import Iterable, Sequence


class CifarError(Exception):
    """Something a person can mend. Its text has place, expectation, finding and mend."""

    exit_code = 1


class DataError(CifarError):
    """The data is missing, damaged, or could not be fetched."""


class CheckpointError(CifarError):
    """A checkpoint is missing, damaged, or belongs to another model."""


class RunError(CifarError):
    """A run folder cannot be found, read or written."""


class DivergedError(CifarError):
    """Training stopped because the loss is no longer a finite number."""


class UsageError(CifarError):
    """The command line asks for something that makes no sense."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration has mistakes; all of them are in `issues`, one line each."""

    def __init__(self, issues: Sequence[str]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(self.issues))


class StoppedError(CifarError):
    """A signal stopped the program. Its text says what was saved, where that is not everything."""

    def __init__(self, message: str, signal_number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'x'?` with the nearest known word, or a longer one; an empty string without either."""
    candidates = list(known)
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    near = near or [candidate for candidate in candidates if word and candidate.startswith(word)]
    return f"; did you mean '{near[0]}'?" if near else ""

"""The errors that a person can cause, each with its exit code.

CifarError                   1   the work failed
├── DataError                1   no data, damaged data, a download that did not come through
├── CheckpointError          1   a checkpoint that is missing, damaged, or of another model
├── RunError                 1   a run folder that cannot be found, read or written
│   └── RunNotFoundError     2   the name of a run that does not exist
├── DivergedError            1   a training whose loss is no longer a number
├── UsageError               2   a command line that makes no sense
│   └── ConfigError          2   a configuration with mistakes in it, all of them
└── StoppedError  130, 143, 129   stopped by Ctrl-C, SIGTERM or SIGHUP, after saving; by a second Ctrl-C at once
"""

import difflib
import errno
import re
import signal
from collections.abc import Iterable, Sequence

# What torch says of CPUs and of GPUs, and the operating system (ENOMEM).
OUT_OF_MEMORY = r"DefaultCPUAllocator|not enough memory|out of memory|Cannot allocate memory|std::bad_alloc"

# What to do about a file that cannot be written, by the reason of the operating system.
_A_FILE_FOR_A_FOLDER = "a file stands in the place of a folder of this path; move it away"
WRITE_MENDS = {
    errno.EEXIST: _A_FILE_FOR_A_FOLDER,
    errno.ENOTDIR: _A_FILE_FOR_A_FOLDER,
    errno.EISDIR: "a folder stands in the place of the file; move it away",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space",
    errno.EFBIG: "free space, or raise the limit (ulimit -f)",
    errno.EACCES: "mend the folder's rights",
    errno.EPERM: "mend the folder's rights",
    errno.EROFS: "choose a folder that can be written to",
}


class CifarError(Exception):
    """Something a person can mend. Its text has place, expectation, finding and mend."""

    exit_code = 1


class DataError(CifarError):
    """The data is missing, damaged, or could not be fetched."""


class CheckpointError(CifarError):
    """A checkpoint is missing, damaged, or belongs to another model."""


class RunError(CifarError):
    """A run folder cannot be found, read or written."""


class RunNotFoundError(RunError):
    """The command line names a run that does not exist."""

    exit_code = 2


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
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


def out_of_memory(error: Exception) -> CifarError | None:
    """Returns the error of a program that got no memory, for a person; None for any other error.

    By its text: torch has an error of its own for a GPU only, and this module must not import torch.
    """
    if not isinstance(error, MemoryError) and not re.search(OUT_OF_MEMORY, str(error)):
        return None
    device = "the GPU" if "CUDA" in str(error) else "this machine"
    return CifarError(
        f"{device}: expected memory for the command, found too little; try a smaller data.batch_size or a smaller "
        "model, or end other programs"
    )


def no_temporary_folder(error: Exception) -> CifarError | None:
    """Returns the error of a machine without a folder for temporary files, for a person; None for any other error."""
    if not isinstance(error, FileNotFoundError) or "No usable temporary directory" not in str(error):
        return None
    return CifarError(
        "temporary files: expected a folder that can be written to, as torch needs one, found none: not $TMPDIR, /tmp, "
        "/var/tmp or the working directory; name one: TMPDIR=FOLDER"
    )


def describe_write_error(error: OSError) -> str:
    """Returns why a file could not be written, and what to do about it: `No space left on device; free space`."""
    mend = WRITE_MENDS.get(error.errno or 0, "free space, or mend the folder's rights")
    return f"{error.strerror or error}; {mend}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'x'?` with the nearest known word, or a longer one; an empty string without either.

    Upper and lower case are one: `FocalLoss` is near to `focal`.
    """
    word, candidates = word.lower(), {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    near = near or [candidate for candidate in candidates if word and candidate.startswith(word)]
    return f"; did you mean '{candidates[near[0]]}'?" if near else ""

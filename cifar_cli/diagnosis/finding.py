"""The words of an examination: what is asked, in which situation, and what is found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

# problem: would stop a training. warning: a training runs, but not as expected. note: neither good nor bad.
Status = Literal["ok", "note", "warning", "problem"]

DEFAULT_LIMIT_SECONDS = 60.0  # a network folder or a driver that hangs gives no answer at all
WITH_TORCH_SECONDS = 180.0  # the first import from a cold disk takes a minute


@dataclass(frozen=True)
class Finding:
    """What a check has found. text: for people. mend: what to do, empty if nothing. values: the same, for programs."""

    status: Status
    text: str
    mend: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TerminalFacts:
    """What stdout is. colours: rich's name of the colour system, None without colours."""

    is_terminal: bool
    columns: int
    colours: str | None
    encoding: str


@dataclass(frozen=True)
class Situation:
    """What the person asks about. root: of the datasets, None for the default. seconds: of the trial training."""

    log_dir: Path
    root: str | None
    seconds: float
    terminal: TerminalFacts


@dataclass(frozen=True)
class Check:
    """One question. run: a function of a module, because another process calls it.

    needs: the name of an earlier check; after its problem this check is not made. on_failure: the status of a check
    that raises, crashes, or gives no answer within `limit_seconds`.
    """

    section: str
    name: str
    run: Callable[[Situation], Finding]
    needs: str = ""
    on_failure: Status = "warning"
    limit_seconds: float = DEFAULT_LIMIT_SECONDS

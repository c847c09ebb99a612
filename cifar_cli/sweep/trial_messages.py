"""What the coordinating process and its workers say to each other.

Imports no torch, as a worker sets its threads first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cifar_cli.models.own.own_source import OwnSource
from cifar_cli.sweep.space import SearchSpace

INTERRUPTED = "interrupted"  # the outcome of a trial that was stopped and saved


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know before its first trial.

    threads: the CPU threads that it may use. gpu: the CUDA device that it sees, None for all that there are. log: the
    file that takes what it prints. environment: the sweep's env.json, which says where the images are. own_sources: the
    files of own networks that may run.
    """

    space: SearchSpace
    threads: int
    gpu: str | None
    log: Path
    environment: Path
    own_sources: tuple[OwnSource, ...] = ()


@dataclass(frozen=True)
class TrialOrder:
    """A trial to train, in its own run folder. values: of the searched keys, as YAML."""

    number: int
    values: Mapping[str, str]
    run: Path


@dataclass(frozen=True)
class TrialEpoch:
    """An epoch of a trial has been validated. The worker waits for the answer, whether the trial is to be pruned."""

    number: int
    epoch: int
    val_accuracy: float


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended. outcome: one of OUTCOMES, or INTERRUPTED."""

    number: int
    outcome: str
    val_accuracy: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    error: str | None = None

"""The suite: several configurations and the start of the program, timed in one go, to be compared with a later suite.

Each configuration is timed as by `cifar benchmark`, in a process of its own: none finds memory or threads of another.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from cifar_cli.benchmark.benchmark_tables import summary_as_dict
from cifar_cli.benchmark.round_summary import ratio, summarize_rounds
from cifar_cli.benchmark.rounds import TimedLoop, time_rounds
from cifar_cli.console.streams import note
from cifar_cli.errors import CifarError
from cifar_cli.spawn import SAFE_PATH


@dataclass(frozen=True)
class TimedConfig:
    """A built-in configuration of the suite, and the reference of its benchmark by name."""

    config: str
    against: str


CONFIGS = (
    TimedConfig("tutorial", "tutorial"),
    TimedConfig("sequential", "tutorial"),
    TimedConfig("cnn", "tutorial"),
    TimedConfig("speedrun94", "plain"),
)

PART = (sys.executable, "-m", "cifar_cli.benchmark.suite_part")
PROGRAM = (sys.executable, "-m", "cifar_cli")
IMPORT_TORCH = "import torch"
# In their order: the evaluation is that of the training before it.
COMMANDS = {
    IMPORT_TORCH: (sys.executable, "-c", "import torch"),
    "cifar --help": (*PROGRAM, "--help"),
    "cifar train, one epoch of quickstart": (
        *(*PROGRAM, "train", "--config", "quickstart"),
        *("data.name=synthetic", "train.epochs=1"),
    ),
    "cifar eval": (*PROGRAM, "eval"),
}
COMMAND_ROUNDS = 7  # one more than a confidence interval needs


def run_suite(*, seconds: float, max_rounds: int) -> dict[str, Any]:
    """Times every configuration for about `seconds`, then the commands; returns all figures as plain values.

    Raises CifarError if one of the processes fails.
    """
    benchmarks = {}
    for number, timed in enumerate(CONFIGS, start=1):
        note(f"\n{number} of {len(CONFIGS) + 1}: cifar benchmark {timed.config} --against {timed.against}")
        benchmarks[timed.config] = _benchmark(timed, seconds=seconds, max_rounds=max_rounds)
    note(f"\n{len(CONFIGS) + 1} of {len(CONFIGS) + 1}: whole commands, {COMMAND_ROUNDS} times each")
    commands = time_commands(rounds=COMMAND_ROUNDS)
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": benchmarks[CONFIGS[0].config]["machine"],
        "benchmarks": benchmarks,
        "commands": commands,
    }


def time_commands(*, rounds: int) -> dict[str, Any]:
    """Returns, of each command, the seconds, and their ratio to those of importing torch, round by round."""
    with tempfile.TemporaryDirectory(prefix="cifar-suite-") as folder:
        loops = {name: _timed_command(command, Path(folder)) for name, command in COMMANDS.items()}
        for loop in loops.values():
            loop.run(1)  # the first start reads files that are not in the system's memory yet
        seconds = time_rounds(loops, rounds=rounds, steps=1, device=torch.device("cpu"))
    return {
        name: {
            "seconds": summary_as_dict(summarize_rounds(measured)),
            "ratio": summary_as_dict(ratio(measured, to=seconds[IMPORT_TORCH])),
        }
        for name, measured in seconds.items()
    }


def _benchmark(timed: TimedConfig, *, seconds: float, max_rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run((*PART, timed.config, timed.against, str(seconds), str(max_rounds))))
    return found


def _timed_command(command: Sequence[str], folder: Path) -> TimedLoop:
    def run(steps: int) -> None:
        for _ in range(steps):
            _run(command, folder, quiet=True)

    return TimedLoop(reset=lambda: None, run=run)


def _run(command: Sequence[str], folder: Path | None = None, *, quiet: bool = False) -> str:
    """Returns what a command of this program prints; its progress goes to the terminal unless it is quiet."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, SAFE_PATH: "1"},  # as in spawn.py: nothing is imported from the current folder
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        last = (done.stderr or "").strip().splitlines()[-1:] or ["its message stands above"]
        raise CifarError(f"{' '.join(command[1:])}: expected exit code 0, found {done.returncode}: {last[0]}")
    return done.stdout

"""Damages everything that the program reads, thousands of times, and checks the answers.

    python tests/scenarios/stress/fuzz.py --configs 10000 --files 1000 --seed 0

Every input is either refused by a CifarError with exit code 1 or 2, or accepted without a change of its meaning, within
two seconds and 500 MB. The table at the end counts both; the exit code is 1 if anything else happened.
"""

import argparse
import contextlib
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from fuzz_configs import configurations, override_words
from fuzz_data import archives, batch_files, idx_files, server_answers
from fuzz_files import checkpoints, contents_of_checkpoints, records

from cifar_cli.errors import CifarError

MAX_SECONDS = 2.0
MAX_GROWTH_BYTES = 500 * 2**20

Case = Callable[[], bool]
"""Reads one damaged input; returns True if it is accepted. Raises AssertionError if its meaning has changed."""


@dataclass
class Row:
    """The results of one type of input."""

    name: str
    tried: int = 0
    refused: int = 0
    accepted: int = 0
    worst_seconds: float = 0.0
    violations: Counter[str] = field(default_factory=Counter)


def try_all(name: str, cases: Iterator[Case]) -> Row:
    """Tries every case, and counts everything that is neither a clean refusal nor a correct success."""
    row = Row(name)
    for case in cases:
        row.tried += 1
        started_at = time.perf_counter()
        try:
            case()
        except CifarError as error:
            row.refused += 1
            if error.exit_code not in (1, 2):
                row.violations[f"exit code {error.exit_code}"] += 1
            if not str(error).strip() or "Traceback" in str(error):
                row.violations[f"the message {str(error)[:200]!r}"] += 1
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            row.violations[f"{type(error).__name__}: {str(error)[:200]} ({frames[-1].name})"] += 1
        else:
            row.accepted += 1
        row.worst_seconds = max(row.worst_seconds, time.perf_counter() - started_at)
    return row


def fuzz(folder: Path, *, configs: int, files: int, seed: int) -> list[Row]:
    """Tries `configs` configurations and override words, and at least `files` damaged files and answers."""
    per_type = -(-files // 8)
    plans: dict[str, Iterator[Case]] = {
        "configurations": configurations(random.Random(seed), count=configs - configs // 5),
        "override words": override_words(random.Random(seed + 1), count=configs // 5),
        "checkpoints: bytes": checkpoints(folder, random.Random(seed + 2), count=per_type),
        "checkpoints: contents": contents_of_checkpoints(folder, random.Random(seed + 3), count=2 * per_type),
        "metrics.csv, summary.json": records(folder, random.Random(seed + 4), count=per_type),
        "batch files": batch_files(folder, random.Random(seed + 5), count=per_type),
        "Fashion-MNIST files": idx_files(folder, random.Random(seed + 8), count=per_type),
        "archives": archives(folder, random.Random(seed + 6), count=per_type),
        "answers of a server": server_answers(folder, random.Random(seed + 7), count=per_type),
    }
    return [try_all(name, cases) for name, cases in plans.items()]


def peak_bytes() -> int:
    """Returns the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("configs", 10_000), ("files", 1_000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    base_bytes = peak_bytes()
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        rows = fuzz(Path(folder), configs=chosen.configs, files=chosen.files, seed=chosen.seed)
    print(f"{'input':<28}{'tried':>8}{'refused':>9}{'accepted':>10}{'worst ms':>10}{'violations':>12}")
    for row in rows:
        print(
            f"{row.name:<28}{row.tried:>8,}{row.refused:>9,}{row.accepted:>10,}{1000 * row.worst_seconds:>10.0f}"
            f"{row.violations.total():>12,}"
        )
    growth_bytes = peak_bytes() - base_bytes
    print(f"peak memory: {growth_bytes / 2**20:.0f} MiB above that of the start (at most {MAX_GROWTH_BYTES >> 20})")
    for row in rows:
        if row.worst_seconds > MAX_SECONDS:
            row.violations[f"took more than {MAX_SECONDS} s"] += 1
        for violation, times in row.violations.most_common():
            print(f"{row.name}: {times} × {violation}")
    return int(growth_bytes > MAX_GROWTH_BYTES or any(row.violations for row in rows))


if __name__ == "__main__":
    sys.exit(main())

"""What a run ran on: versions, machine, commit, command line."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("cifar-cli", "torchvision", "numpy", "tensorboard")


def describe_environment(*, device: str, precision: str, data_root: Path | None) -> dict[str, Any]:
    """Returns what someone needs to know who wants the same numbers again. Plain values only."""
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        # torch by its own word: its build (+cpu, +cu130) is in no package's metadata.
        "packages": {"torch": torch.__version__, **{name: _version(name) for name in PACKAGES}},
        "platform": platform.platform(),
        "processor": _processor_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": device,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "data_root": str(data_root.resolve()) if data_root else None,
        "cifar_data_dir": os.environ.get("CIFAR_DATA_DIR"),
        "git_commit": _git_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor_name() -> str:
    """Returns the processor's own name; Python's platform module gives only its family on Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git_commit() -> str | None:
    """Returns the commit checked out in the working folder, None outside a repository or without git."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None

"""Describes the start of a run: time, versions, machine, commit, command line."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from cifar_cli.shell import without_passwords

PACKAGES = ("cifar-cli", "torchvision", "numpy", "tensorboard")


def describe_environment(*, device: str, precision: str, data_root: Path | None) -> dict[str, Any]:
    """Returns the contents of env.json: plain values that help to reproduce a run's numbers.

    git_commit is the commit of this program's source, not of the working directory.
    """
    import torch  # here: `cifar doctor` asks the other functions where torch is broken

    return {
        "started": datetime.now(UTC).isoformat(),
        "command": [without_passwords(word) for word in sys.argv],
        "python": platform.python_version(),
        # From torch itself: the package's metadata lacks the build (+cpu, +cu130).
        "packages": {"torch": torch.__version__, **{name: _version(name) for name in PACKAGES}},
        "platform": platform.platform(),
        "processor": processor_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": device,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "data_root": str(data_root.resolve()) if data_root else None,
        "cifar_data_dir": os.environ.get("CIFAR_DATA_DIR"),
        "git_commit": source_commit(Path(__file__)),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def processor_name() -> str:
    """Returns the processor's model name; on Linux, Python's platform module knows only the family."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def source_commit(source: Path) -> str | None:
    """Returns the commit of the repository that tracks the file `source`; None without such a repository, or git."""
    git = ["git", "-C", str(source.parent)]
    try:
        tracked = _run([*git, "ls-files", "--error-unmatch", source.name])
        head = _run([*git, "rev-parse", "--verify", "HEAD"])
    except (OSError, subprocess.TimeoutExpired):
        return None
    return head.stdout.strip() if tracked.returncode == head.returncode == 0 else None


def is_source_changed(source: Path) -> bool | None:
    """Returns whether files differ from the commit in the repository that tracks `source`; None without a commit."""
    if source_commit(source) is None:
        return None
    try:
        status = _run(["git", "-C", str(source.parent), "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.TimeoutExpired):
        return None
    return bool(status.stdout.strip()) if status.returncode == 0 else None


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)

"""The native kernels that a run was trained with: its env.json names them, and a resumed run goes on with them.

Other kernels round otherwise: the numbers are as good, but no longer those of an uninterrupted run.
"""

import hashlib
from pathlib import Path

import torch

from cifar_cli.builders.build_training import is_native_wanted
from cifar_cli.config import Experiment
from cifar_cli.console.streams import warn
from cifar_cli.kernels.native_library import SOURCE, native_library
from cifar_cli.runs.json_files import read_json
from cifar_cli.training.runtime import Runtime


def kernels_in_words(device: torch.device) -> str | None:
    """Returns the compiler of the native kernels that this machine has for the device; None for none."""
    library = native_library() if device.type == "cpu" else None
    return library.words if library and library.library else None


def kernels_for_run(device: torch.device) -> str | None:
    """Returns the compiler and the source of these kernels, for env.json: another source may round otherwise too."""
    words = kernels_in_words(device)
    return f"{words}, native.c {hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}" if words else None


def with_kernels_of_run(experiment: Experiment, runtime: Runtime, *, environment: Path) -> Experiment:
    """Returns the experiment, without native kernels if the run began without. environment: the run's env.json."""
    if not is_native_wanted(experiment, runtime.device) or not _is_same_device(runtime, environment):
        return experiment
    if read_json(environment).get("native_kernels"):
        return experiment
    train = experiment.train.model_copy(update={"native_kernels": False})
    return experiment.model_copy(update={"train": train})


def warn_of_other_kernels(experiment: Experiment, runtime: Runtime, *, environment: Path) -> None:
    """Warns if a run that is resumed began with native kernels other than this machine's."""
    if not is_native_wanted(experiment, runtime.device) or not _is_same_device(runtime, environment):
        return
    before, now = read_json(environment).get("native_kernels"), kernels_for_run(runtime.device)
    if before and before != now:
        here = f"those here are {now}" if now else f"there are none here: {native_library().words}"
        warn(
            f"{environment.parent}: trained so far with native kernels {before}; {here}; the run goes on, but its "
            "numbers may differ in the last digits from those of an uninterrupted run"
        )


def _is_same_device(runtime: Runtime, environment: Path) -> bool:
    # A run that moves to another device rounds otherwise anyway.
    return bool(read_json(environment).get("device") == runtime.device_name)

"""Creates and finds the folders of sweeps.

A sweep's folder holds its trials, each an ordinary run folder, and what is said of all of them together. The trials lie
inside the folder, so that forty of them are not the newest runs under `logs/`, which commands take without a RUN.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cifar_cli.errors import RunNotFoundError, did_you_mean
from cifar_cli.runs.run_folder import SWEEP_CONFIG, RunFolder, new_folder
from cifar_cli.runs.start_time import start_time


@dataclass(frozen=True)
class SweepFolder:
    """A sweep's folder and the paths of the files in it."""

    path: Path

    @property
    def config(self) -> Path:
        """The configuration that the trials vary, as it was read."""
        return self.path / SWEEP_CONFIG

    @property
    def settings(self) -> Path:
        """The ranges and options of the sweep."""
        return self.path / "sweep.json"

    @property
    def environment(self) -> Path:
        return self.path / "env.json"

    @property
    def journal(self) -> Path:
        """Optuna's record of the study."""
        return self.path / "journal.log"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def table(self) -> Path:
        """A row for each trial."""
        return self.path / "trials.csv"

    @property
    def best(self) -> Path:
        """The winner's configuration, ready to train."""
        return self.path / "best.yaml"

    @property
    def images(self) -> Path:
        return self.path / "images"

    @property
    def hparams(self) -> Path:
        """TensorBoard's table of hyperparameters."""
        return self.path / "hparams"

    @property
    def winner(self) -> Path:
        """The folder of the winner's runs with several seeds."""
        return self.path / "winner"

    @property
    def started(self) -> datetime:
        """When the sweep was started, in UTC."""
        return start_time(self.path)

    def trial(self, number: int) -> RunFolder:
        """Returns the run folder of a trial."""
        return RunFolder(self.path / f"trial-{number:04}")

    def worker_log(self, index: int) -> Path:
        """Returns the file with what a worker process prints."""
        return self.path / f"worker-{index}.log"


def create_sweep(log_dir: Path, name: str) -> SweepFolder:
    """Creates the folder `log_dir/<name>-sweep-<time>` and returns it."""
    return SweepFolder(new_folder(log_dir, f"{name}-sweep"))


def find_sweeps(log_dir: Path) -> list[SweepFolder]:
    """Returns the sweeps in `log_dir`, in the order in which they were started."""
    sweeps = [SweepFolder(path.parent) for path in log_dir.glob(f"*/{SWEEP_CONFIG}")]
    return sorted(sweeps, key=lambda sweep: (sweep.started, sweep.path.name))


def find_sweep(name: str, *, log_dir: Path) -> SweepFolder:
    """Returns the sweep at the path `name`, or of that name in `log_dir`. Raises RunNotFoundError."""
    for path in (Path(name), log_dir / name):
        if os.path.isfile(path / SWEEP_CONFIG):  # Path.is_file would raise for a name too long to exist
            return SweepFolder(path)
    known = [sweep.path.name for sweep in reversed(find_sweeps(log_dir))]
    listed = f"the newest are {', '.join(known[:3])}" if known else f"there are none under {log_dir}"
    raise RunNotFoundError(
        f"{name}: expected the folder of a sweep, or the name of one under {log_dir}, found neither; "
        f"{listed}{did_you_mean(name, known)}"
    )

"""Names, creates and finds the folders of runs."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from cifar_cli.errors import RunError, RunNotFoundError, did_you_mean
from cifar_cli.runs.start_time import start_time
from cifar_cli.shell import shell_command

OWN_MODEL_COPY = "model.py"
GROUP_CONFIG = "group.yaml"  # a folder with this file belongs to a group of runs
SWEEP_CONFIG = "sweep.yaml"  # a folder with this file belongs to a sweep


@dataclass(frozen=True)
class RunFolder:
    """A run's folder and the paths of the files in it."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        return self.path / "env.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def last_checkpoint(self) -> Path:
        return self.path / "checkpoints" / "last.pt"

    @property
    def previous_checkpoint(self) -> Path:
        """The checkpoint before the last one, to resume from when the last one is damaged."""
        return self.path / "checkpoints" / "previous.pt"

    @property
    def best_checkpoint(self) -> Path:
        return self.path / "checkpoints" / "best.pt"

    @property
    def model(self) -> Path:
        """The copy of the file of a person's own network."""
        return self.path / OWN_MODEL_COPY

    @property
    def images(self) -> Path:
        return self.path / "images"

    @property
    def pictures(self) -> Path:
        """TensorBoard's folder of the pictures that commands draw, a run of its own.

        TensorBoard reads one file of a folder to its end and goes on to the next for good: it would not see what a
        training adds to the first file after a command has written a second.
        """
        return self.path / "pictures"

    @property
    def started(self) -> datetime:
        """When the run was started, in UTC."""
        return start_time(self.path)

    @property
    def features(self) -> Path:
        """The folder of recorded layers, with one file per step at which training recorded them."""
        return self.path / "features"


def create_run(log_dir: Path, name: str) -> RunFolder:
    """Creates and returns the run folder `log_dir/<name>-<time>`. Raises RunError if it cannot be created."""
    run = RunFolder(new_folder(log_dir, name))
    run.last_checkpoint.parent.mkdir()
    return run


def new_folder(log_dir: Path, name: str) -> Path:
    """Creates and returns the folder `log_dir/<name>-<time>`; the second folder of one second gets the suffix -2.

    Raises RunError if the folder cannot be created.
    """
    stamped = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            path = log_dir / (stamped if number == 1 else f"{stamped}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise RunError(
            f"{log_dir}: expected a folder to write runs to, found: {error.strerror}; name another with log.dir=FOLDER"
        ) from error
    raise AssertionError("count() never ends")


def find_runs(log_dir: Path) -> list[RunFolder]:
    """Returns the runs in `log_dir` that have a checkpoint, ordered by their start."""
    runs = [RunFolder(path.parents[1]) for path in log_dir.glob("*/checkpoints/last.pt")]
    return sorted((run for run in runs if run.config.is_file()), key=lambda run: (run.started, run.name))


def is_checkpoint_path(run: str) -> bool:
    """Returns whether `run` is the path of a checkpoint file, not that of a run folder or the name of a run."""
    return run.endswith(".pt") or os.path.isfile(run)  # Path.is_file would raise for a name too long to exist


def find_run(run: str, *, log_dir: Path) -> RunFolder:
    """Returns the run at the path `run`, or of that name in `log_dir`.

    Raises RunNotFoundError if there is neither, RunError for a group of runs and for a sweep.
    """
    for path in (Path(run), log_dir / run):
        if os.path.isfile(path / GROUP_CONFIG):
            raise RunError(
                f"{path}: expected one run, found a group of them, one for each seed; "
                f"name one that {path / 'summary.json'} lists"
            )
        if os.path.isfile(path / SWEEP_CONFIG):
            raise RunError(
                f"{path}: expected one run, found a sweep; name one of its trials, which {path / 'trials.csv'} lists, "
                f"such as {path / 'trial-0000'}; the sweep goes on with: "
                f"{shell_command('cifar', 'sweep', '--resume', path)}"
            )
        if os.path.isfile(path / "config.yaml"):  # Path.is_file would raise for a name too long to exist
            return RunFolder(path)
    raise RunNotFoundError(_no_run_message(run, log_dir))


def newest_run(log_dir: Path) -> RunFolder | None:
    """Returns the run that was started last, None if there is no run."""
    runs = find_runs(log_dir)
    return runs[-1] if runs else None


def _no_run_message(run: str, log_dir: Path) -> str:
    if os.path.isdir(run) and (within := find_runs(Path(run))):
        return (
            f"{run}: expected a run, found a folder of runs; name one of them, such as {within[-1].path}, or take its "
            f"newest with --log-dir {run}"
        )
    parent = Path(run).parent
    is_elsewhere = os.sep in run and os.path.isdir(parent) and bool(find_runs(parent))
    folder = parent if is_elsewhere else log_dir
    names = [str(each.path) if is_elsewhere else each.name for each in find_runs(folder)]
    return (
        f"{run}: expected a run folder, a checkpoint file, or the name of a run under {log_dir}, found none of them"
        f"{_list_runs(names, folder)}{did_you_mean(run, names)}"
    )


def _list_runs(names: Iterable[str], log_dir: Path) -> str:
    newest_first = list(names)[::-1]
    if not newest_first:
        return f"; there are no runs under {log_dir} yet: cifar train --config quickstart makes one"
    return f"; the newest runs are {', '.join(newest_first[:3])}"

"""`cifar train --config`: begins a run from a configuration."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.commands import parts
from cifar_cli.commands.images import open_images
from cifar_cli.commands.plan import print_plan
from cifar_cli.commands.trainable import check_trainable
from cifar_cli.commands.training_run import carry_out, take_part, tell
from cifar_cli.commands.watchers import TrainingRun
from cifar_cli.config import Experiment
from cifar_cli.data.sources import Splits
from cifar_cli.runs.environment import describe_environment
from cifar_cli.runs.files import write_text
from cifar_cli.runs.folder import RunFolder, create_run
from cifar_cli.runs.history import write_json
from cifar_cli.runs.lock import sole_trainer
from cifar_cli.training.interrupt import StopRequest
from cifar_cli.training.processes import Processes, join_processes


def train(source: str, overrides: Sequence[str] = (), *, dry_run: bool = False, started: float) -> None:
    """Trains a configuration from its beginning; with `dry_run`, only shows the plan and tries one batch.

    started: when the command began, on time.perf_counter's clock.
    """
    experiment = config.load(source, overrides)
    check_trainable(experiment)
    with join_processes() as processes:
        if dry_run:
            _show_plan(experiment, processes, command=shlex.join(["cifar", "train", "--config", source, *overrides]))
        else:
            _begin(experiment, processes, started=started)


def run_name(experiment: Experiment) -> str:
    """Returns what the run's folder is called before the time; whatever saw synthetic images says so."""
    is_synthetic = experiment.data.name == "synthetic" and "synthetic" not in experiment.name
    return f"{experiment.name}-synthetic" if is_synthetic else experiment.name


def train_in(
    run: RunFolder,
    experiment: Experiment,
    splits: Splits,
    training: parts.Training,
    *,
    started: float,
    stop: StopRequest | None = None,
) -> dict[str, Any]:
    """Trains in a new run's folder, until `stop` or else a signal asks for an end, and returns the summary."""
    runtime = training.runtime
    with sole_trainer(run):
        write_text(run.config, config.dump(experiment))
        write_json(
            run.environment,
            describe_environment(device=runtime.device_name, precision=runtime.precision, data_root=splits.root),
        )
        return carry_out(TrainingRun(run, experiment, splits, training), started=started, stop=stop)


def _show_plan(experiment: Experiment, processes: Processes, *, command: str) -> None:
    runtime = parts.runtime(experiment, processes)
    experiment, splits = open_images(experiment, processes)
    training = parts.training(experiment, splits, runtime)
    print_plan(experiment, splits, training, run_name=run_name(experiment), command=command)


def _begin(experiment: Experiment, processes: Processes, *, started: float) -> None:
    runtime = parts.runtime(experiment, processes)
    experiment, splits = open_images(experiment, processes)
    training = parts.training(experiment, splits, runtime)
    if not processes.is_main:
        take_part(training, seed=experiment.seed)
        return
    run = create_run(Path(experiment.log.dir), run_name(experiment))
    tell(run, train_in(run, experiment, splits, training, started=started))

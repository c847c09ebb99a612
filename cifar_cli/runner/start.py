"""Trains an experiment from its beginning, or shows the plan of it."""

from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.preflight import preflight
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.distributed.process_group import ProcessGroup, join_process_group
from cifar_cli.runner.dry_run import print_dry_run
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runner.run_training import print_summary, run_training, train_as_worker
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.environment import describe_environment
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.runtime import Runtime


def train(experiment: Experiment, *, started: float) -> None:
    """Trains an experiment from its beginning, in a new run's folder.

    started: when the command began, on time.perf_counter's clock.
    """
    preflight(experiment)
    with join_process_group() as processes:
        experiment, splits, training = _build(experiment, processes)
        if not processes.is_main:
            train_as_worker(training, seed=experiment.seed)
            return
        run = create_run(Path(experiment.log.dir), run_name(experiment))
        print_summary(run, train_in_folder(run, experiment, splits, training, started=started))


def show_plan(experiment: Experiment, *, command: str) -> None:
    """Shows what training would do, and tries one batch; writes nothing. command: the one that would train."""
    preflight(experiment)
    with join_process_group() as processes:
        experiment, splits, training = _build(experiment, processes)
        print_dry_run(experiment, splits, training, run_name=run_name(experiment), command=command)


def run_name(experiment: Experiment) -> str:
    """Returns what the run's folder is called before the time; whatever saw synthetic images says so."""
    is_synthetic = experiment.data.name == "synthetic" and "synthetic" not in experiment.name
    return f"{experiment.name}-synthetic" if is_synthetic else experiment.name


def train_in_folder(
    run: RunFolder,
    experiment: Experiment,
    splits: Splits,
    training: Training,
    *,
    started: float,
    stop: ShutdownRequest | None = None,
) -> dict[str, Any]:
    """Trains in a new run's folder, until `stop` or else a signal asks for an end, and returns the summary."""
    with run_lock(run):
        write_text(run.config, config.dump(experiment))
        write_environment(run.environment, runtime=training.runtime, splits=splits)
        return run_training(TrainingRun(run, experiment, splits, training), started=started, stop=stop)


def write_environment(path: Path, *, runtime: Runtime, splits: Splits) -> None:
    """Writes env.json: what a run or a group of runs is started on, and when."""
    write_json(
        path, describe_environment(device=runtime.device_name, precision=runtime.precision, data_root=splits.root)
    )


def _build(experiment: Experiment, processes: ProcessGroup) -> tuple[Experiment, Splits, Training]:
    """Returns the experiment on the images that it found, these images, and the training."""
    runtime = build_runtime(experiment, processes)
    experiment, splits = load_data(experiment, processes)
    return experiment, splits, build_training(experiment, splits, runtime)

"""Starts a training in a new run folder, or shows its plan."""

from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.builders.initial_weights import InitialWeights, find_initial_weights
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.preflight import preflight
from cifar_cli.builders.trust_model import write_model_copy
from cifar_cli.config import Experiment
from cifar_cli.console.streams import warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.distributed.process_group import ProcessGroup, join_process_group
from cifar_cli.runner.dry_run import print_dry_run
from cifar_cli.runner.kernels_of_run import kernels_for_run
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runner.run_training import print_summary, run_training, train_as_worker
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.environment import describe_environment
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import create_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.shell import expand_path
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.runtime import Runtime


def train(experiment: Experiment, *, started_at: float, begin_with: Path | None = None) -> None:
    """Trains an experiment in a new run folder and prints the results.

    begin_with: a file with weights. started_at: when the command started, on time.perf_counter's clock.
    """
    preflight(experiment)
    with join_process_group() as processes:
        experiment, splits, training = build_new_training(experiment, processes, begin_with=begin_with)
        if not processes.is_main:
            train_as_worker(training, seed=experiment.seed)
            return
        folder = create_run(log_folder(experiment), run_name(experiment))
        run = TrainingRun(folder, experiment, splits, training)
        print_summary(run, start_run(run, started_at=started_at))


def show_plan(experiment: Experiment, *, command: str, begin_with: Path | None = None) -> None:
    """Prints what training would do and tries one batch; writes nothing. command: the command that would train."""
    preflight(experiment)
    with join_process_group() as processes:
        experiment, splits, training = build_new_training(experiment, processes, download=False, begin_with=begin_with)
        run = log_folder(experiment) / run_name(experiment)
        print_dry_run(experiment, splits, training, run=run, command=command)


def log_folder(experiment: Experiment) -> Path:
    """Returns the folder of the run folders. Raises UsageError for a variable in log.dir that is not defined."""
    return expand_path(experiment.log.dir, place="log.dir")


def run_name(experiment: Experiment) -> str:
    """Returns the name of a run folder, without its time. It says so if the images are synthetic."""
    is_unnamed = experiment.data.is_synthetic and "synthetic" not in experiment.name
    return f"{experiment.name}-synthetic" if is_unnamed else experiment.name


def start_run(run: TrainingRun, *, started_at: float, shutdown: ShutdownRequest | None = None) -> dict[str, Any]:
    """Trains in a new, locked run folder and returns the summary. Arguments and errors are those of run_training."""
    with run_lock(run.folder, warn=warn):
        write_model_copy(run.folder.model, run.experiment.model)
        write_text(run.folder.config, config.dump(run.experiment))
        training = run.training
        write_environment(run.folder.environment, runtime=training.runtime, splits=run.splits, initial=training.initial)
        return run_training(run, started_at=started_at, shutdown=shutdown)


def write_environment(path: Path, *, runtime: Runtime, splits: Splits, initial: InitialWeights | None = None) -> None:
    """Writes env.json: when a run or a group of runs was started, on what machine, and the facts of its images.

    initial: the weights that it began with.
    """
    described = describe_environment(device=runtime.device_name, precision=runtime.precision, data_root=splits.root)
    described["native_kernels"] = kernels_for_run(runtime.device)
    facts = {"mean": splits.mean, "std": splits.std, "class_names": splits.train.class_names}
    write_json(path, {**described, **facts, **({"from": initial.record} if initial else {})})


def build_new_training(
    experiment: Experiment, processes: ProcessGroup, *, download: bool = True, begin_with: Path | None = None
) -> tuple[Experiment, Splits, Training]:
    """Returns the experiment with the dataset that was found, its images, and the training."""
    runtime = build_runtime(experiment, processes)
    initial = find_initial_weights(begin_with, experiment) if begin_with is not None else None
    experiment, splits = load_data(experiment, processes, download=download)
    return experiment, splits, build_training(experiment, splits, runtime, initial=initial)

"""`cifar train --resume`: goes on with a run where its last checkpoint stands."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from cifar_cli import config
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import check_weights, saved_experiment
from cifar_cli.config import Experiment
from cifar_cli.config.change import with_overrides
from cifar_cli.config.keys import RESUME_KEYS
from cifar_cli.console.streams import note, warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.distributed.process_group import join_process_group
from cifar_cli.errors import CheckpointError, RunError, UsageError
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runner.run_training import print_summary, run_training, train_as_worker
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import RunFolder, find_run, find_runs
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import TrainingState


def resume(name: str | None, overrides: Sequence[str] = (), *, log_dir: Path, started: float) -> None:
    """Goes on with a run where its last checkpoint stands; without a name, with the newest one that is unfinished.

    The overrides are train.epochs, which makes a run longer whose schedule does not depend on its length, and what
    computes it, train.device and train.precision.
    started: when the command began, on time.perf_counter's clock.
    """
    # The checkpoint that is continued from may itself be named.
    run = find_run(name.removesuffix("/checkpoints/last.pt"), log_dir=log_dir) if name else _newest_unfinished(log_dir)
    with join_process_group() as processes, run_lock(run) if processes.is_main else nullcontext():
        run = RunFolder(Path(processes.broadcast(str(run.path))))
        saved, path = _load_last(run)
        begun = saved_experiment(saved, path=path)
        experiment = _changed(begun, overrides, run=run)
        if saved["progress"]["epoch"] >= experiment.train.epochs and _is_complete(run):
            raise UsageError(
                f"{run.path}: expected an unfinished run, found one with all its {experiment.train.epochs} epochs; "
                f"start a longer one with: cifar train --config {run.config} train.epochs={2 * experiment.train.epochs}"
            )
        check_weights(experiment, saved, path=path)
        runtime = build_runtime(experiment, processes)
        experiment, splits = load_data(experiment, processes)
        training = _restored(saved, path, experiment=experiment, splits=splits, runtime=runtime)
        if processes.is_main:
            if experiment != begun:  # from now on that is the run, though the next moment may be its last
                contents = {"config": config.dump(experiment), **training.state.state_dict()}
                save_checkpoint(run.last_checkpoint, contents, previous=run.previous_checkpoint)
            print_summary(run, _go_on(TrainingRun(run, experiment, splits, training), started=started))
        else:
            train_as_worker(training, seed=experiment.seed)


def continue_run(
    run: RunFolder, *, experiment: Experiment, splits: Splits, runtime: Runtime, started: float, stop: ShutdownRequest
) -> None:
    """Goes on, in this process alone, with a run of an experiment whose images are open, until `stop` asks for an end.

    started: when it began, on time.perf_counter's clock.
    """
    with run_lock(run):
        saved, path = _load_last(run)
        check_weights(experiment, saved, path=path)
        training = _restored(saved, path, experiment=experiment, splits=splits, runtime=runtime)
        _go_on(TrainingRun(run, experiment, splits, training), started=started, stop=stop)


def _restored(
    saved: dict[str, Any], path: Path, *, experiment: Experiment, splits: Splits, runtime: Runtime
) -> Training:
    training = build_training(experiment, splits, runtime)
    load_state(training.state, saved, path=path)
    return training


def _go_on(job: TrainingRun, *, started: float, stop: ShutdownRequest | None = None) -> dict[str, Any]:
    write_text(job.run.config, config.dump(job.experiment))
    progress = job.training.state.progress
    note(f"resuming {job.run.path} after epoch {progress.epoch}, step {progress.step}")
    return run_training(job, started=started, stop=stop)


def unfinished_runs(log_dir: Path) -> list[RunFolder]:
    """Returns the runs below `log_dir` that are worth going on with, the oldest first: what diverged would again."""
    return [run for run in find_runs(log_dir) if not _is_complete(run) and "error" not in read_json(run.summary)]


def _newest_unfinished(log_dir: Path) -> RunFolder:
    """Returns the run begun last of those worth going on with. Raises RunError where there is none."""
    unfinished = unfinished_runs(log_dir)
    if not unfinished:
        raise RunError(f"{log_dir}: expected an unfinished run, found none; begin one with: cifar train --config NAME")
    return unfinished[-1]


def _is_complete(run: RunFolder) -> bool:
    # A run stopped between its last epoch and its end has all its epochs, but the test set has not been asked yet.
    return read_json(run.summary).get("status") == "completed"


def _load_last(run: RunFolder) -> tuple[dict[str, Any], Path]:
    """Returns the last checkpoint and its path; if that is damaged, the one before, and says so."""
    try:
        return load_checkpoint(run.last_checkpoint), run.last_checkpoint
    except CheckpointError as error:
        if not run.previous_checkpoint.is_file():
            raise
        warn(f"{error}\ngoing on from the checkpoint before it, {run.previous_checkpoint}")
        return load_checkpoint(run.previous_checkpoint), run.previous_checkpoint


def load_state(state: TrainingState, saved: dict[str, Any], *, path: Path) -> None:
    """Puts a training back where the checkpoint stands. Raises CheckpointError where its state is of another kind."""
    configured = _settings(state.optimizer)
    try:
        state.load_state_dict(saved)
        _check_optimizer(state.optimizer)
        if _settings(state.optimizer) != configured:
            raise ValueError("the optimiser's settings are not those of the configuration")
    except Exception as error:  # whoever wrote the checkpoint may have put anything in the place of a state
        raise CheckpointError(
            f"{path}: expected the state of the training that its configuration describes, found another: "
            f"{str(error).partition(chr(10))[0] or type(error).__name__}; begin a new run"
        ) from error


def _settings(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Returns for each group what the configuration alone decides: not its schedule, nor how the device computes it."""
    elsewhere = {"params", "lr", "initial_lr", "fused", "foreach", "capturable"}
    return [{key: value for key, value in group.items() if key not in elsewhere} for group in optimizer.param_groups]


def _check_optimizer(optimizer: Optimizer) -> None:
    """Raises ValueError where what is kept for a parameter has another shape: fused steps do not look, and overrun."""
    for parameter, kept in optimizer.state.items():
        for name, value in kept.items():
            shape = () if name == "step" else tuple(parameter.shape)
            if value is not None and (not isinstance(value, Tensor) or tuple(value.shape) != shape):
                raise ValueError(f"the optimiser's {name} does not fit its parameter")


def _changed(experiment: Experiment, overrides: Sequence[str], *, run: RunFolder) -> Experiment:
    """Returns the experiment with more epochs, or on another device. Raises UsageError for all else."""
    foreign = [word for word in overrides if word.partition("=")[0] not in RESUME_KEYS]
    if foreign:
        raise UsageError(
            f"cifar train --resume: a run is continued as it was begun, so expected no key=value but of "
            f"{', '.join(RESUME_KEYS)}, found {' '.join(foreign)}; begin another run with: "
            f"cifar train --config {run.config} {' '.join(foreign)}"
        )
    longer = with_overrides(experiment, overrides, location=str(run.config))
    before, after = experiment.train.epochs, longer.train.epochs
    if after < before:
        raise UsageError(
            f"train.epochs: expected at least the {before} that the run was begun with, found {after}; leave it out"
        )
    if after > before and not experiment.schedule.is_extendable:
        raise UsageError(
            f"train.epochs: the schedule {experiment.schedule.name} is laid out over the run's {before} epochs, so it "
            f"cannot go on to {after}; begin a longer run with: cifar train --config {run.config} train.epochs={after}"
        )
    if after > before and not experiment.average.is_extendable:
        raise UsageError(
            f"train.epochs: the average {experiment.average.name} is laid out over the run's {before} epochs, so it "
            f"cannot go on to {after}; begin a longer run with: cifar train --config {run.config} train.epochs={after}"
        )
    return longer

"""`cifar train --resume`: continues a run from its last checkpoint."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from cifar_cli import config, formatting
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import check_weights, saved_experiment
from cifar_cli.builders.trust_model import NO_TRUST, ModelTrust, with_trusted_model, words_for_own_model
from cifar_cli.config import Experiment
from cifar_cli.config.change import with_overrides
from cifar_cli.config.keys import RESUME_KEYS
from cifar_cli.console.streams import note, warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.distributed.process_group import ProcessGroup, join_process_group
from cifar_cli.errors import CheckpointError, UsageError
from cifar_cli.runner.kernels_of_run import warn_of_other_kernels, with_kernels_of_run
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runner.restore_best import restore_best
from cifar_cli.runner.run_training import print_summary, run_training, train_as_worker
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.shell import shell_command
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import Progress, TrainingState


def resume_run(
    run: RunFolder | None, overrides: Sequence[str] = (), *, started_at: float, trust_in: ModelTrust = NO_TRUST
) -> None:
    """Trains a run to its end from its last checkpoint. Of several processes, only the main one has to name the run.

    overrides: train.epochs, which makes the run longer, train.patience, which moves its early end, and train.device and
    train.precision, which move it to other hardware. trust_in: what the command line says of a person's own network.
    started_at: when the command started, on time.perf_counter's clock.
    """
    with join_process_group() as processes, run_lock(run, warn=warn) if run and processes.is_main else nullcontext():
        folder = RunFolder(Path(processes.broadcast(str(run.path) if run else "")))
        checkpoint, path = _load_last(folder)
        saved = saved_experiment(checkpoint, path=path)
        with_trusted_model(saved, trust_in, folder=folder.path, place=str(folder.path), same_file=True)
        experiment = _apply_overrides(saved, overrides, folder=folder)
        if _is_complete(folder):
            _require_epochs_left(experiment, checkpoint["progress"], folder)
        check_weights(experiment, checkpoint, path=path)
        runtime = build_runtime(experiment, processes)
        experiment, splits = load_data(experiment, processes, environment=folder.environment)
        training = _restore_training(
            checkpoint, path, experiment=experiment, splits=splits, runtime=runtime, folder=folder
        )
        training_run = TrainingRun(folder, experiment, splits, training)
        if processes.is_main:
            restore_best(training_run)
        share_best_epoch(training.state.progress, processes)
        if not processes.is_main:
            train_as_worker(training, seed=experiment.seed)
            return
        if experiment != saved:  # saved at once: the process may be killed before the next checkpoint
            contents = {"config": config.dump(experiment), **training.state.state_dict()}
            save_checkpoint(folder.last_checkpoint, contents, previous=folder.previous_checkpoint)
        print_summary(training_run, _continue_training(training_run, started_at=started_at))


def resume_with_images(
    folder: RunFolder,
    *,
    experiment: Experiment,
    splits: Splits,
    runtime: Runtime,
    started_at: float,
    shutdown: ShutdownRequest,
    group: Path | None = None,
    is_tested: bool = True,
) -> dict[str, Any]:
    """Trains a run to its end from its last checkpoint, in this process alone, on open images; returns the summary.

    started_at: when this was called, on time.perf_counter's clock. shutdown: stops the training. group, is_tested: see
    TrainingRun.
    """
    with run_lock(folder, warn=warn):
        checkpoint, path = _load_last(folder)
        check_weights(experiment, checkpoint, path=path)
        training = _restore_training(
            checkpoint, path, experiment=experiment, splits=splits, runtime=runtime, folder=folder
        )
        run = TrainingRun(folder, experiment, splits, training, group=group, is_tested=is_tested)
        restore_best(run)
        return _continue_training(run, started_at=started_at, shutdown=shutdown)


def load_state(state: TrainingState, checkpoint: dict[str, Any], *, path: Path) -> None:
    """Changes a fresh training state to that of a checkpoint. Raises CheckpointError if the two do not fit."""
    configured = _settings(state.optimizer)
    try:
        state.load_state_dict(checkpoint)
        _check_optimizer(state.optimizer)
        if _settings(state.optimizer) != configured:
            raise ValueError("the optimizer's settings are not those of the configuration")
    except Exception as error:  # a stranger's checkpoint may hold anything in the place of a state
        raise CheckpointError(
            f"{path}: expected the state of the training that its configuration describes, found another: "
            f"{str(error).partition(chr(10))[0] or type(error).__name__}; start a new run"
        ) from error


def _restore_training(
    checkpoint: dict[str, Any],
    path: Path,
    *,
    experiment: Experiment,
    splits: Splits,
    runtime: Runtime,
    folder: RunFolder,
) -> Training:
    if runtime.processes.is_main:
        warn_of_other_kernels(experiment, runtime, environment=folder.environment)
    trained_as = with_kernels_of_run(experiment, runtime, environment=folder.environment)
    training = build_training(trained_as, splits, runtime)
    load_state(training.state, checkpoint, path=path)
    return training


def _continue_training(
    run: TrainingRun, *, started_at: float, shutdown: ShutdownRequest | None = None
) -> dict[str, Any]:
    write_text(run.folder.config, config.dump(run.experiment))
    progress = run.training.state.progress
    note(f"resuming {run.folder.path} after epoch {progress.epoch}, step {progress.step}")
    return run_training(run, started_at=started_at, shutdown=shutdown)


def share_best_epoch(progress: Progress, processes: ProcessGroup) -> None:
    """Gives every process the main one's best epoch: the end of the training depends on it."""
    own = json.dumps([progress.best_epoch, progress.best_val_accuracy])
    progress.best_epoch, progress.best_val_accuracy = json.loads(processes.broadcast(own))


def _require_epochs_left(experiment: Experiment, progress: Mapping[str, Any], folder: RunFolder) -> None:
    """Raises UsageError if a finished run has no epoch left to train; the message has the command for more epochs."""
    epochs, patience = experiment.train.epochs, experiment.train.patience
    reached = Progress(epoch=progress["epoch"], best_epoch=progress.get("best_epoch"))
    if reached.stopped_early(epochs=epochs, patience=patience):
        command = _train_command("--resume", folder.path, "train.patience=null", experiment=experiment)
        raise UsageError(
            f"{folder.path}: expected an unfinished run, found one that stopped early after epoch {reached.epoch} of "
            f"{epochs}, without a better validation accuracy since epoch {reached.best_epoch} (train.patience "
            f"{patience}); give it a larger patience, or train it to its end with: {command}"
        )
    if not reached.is_over(epochs=epochs):
        return
    longer = f"train.epochs={2 * epochs}"
    is_extendable = experiment.schedule.is_extendable and experiment.average.is_extendable
    mend = (
        f"make it longer with: {_train_command('--resume', folder.path, longer, experiment=experiment)}"
        if is_extendable
        else f"start a longer one with: {_train_command('--config', folder.config, longer, experiment=experiment)}"
    )
    raise UsageError(f"{folder.path}: expected an unfinished run, found one that is finished; {mend}")


def _is_complete(run: RunFolder) -> bool:
    # The number of epochs does not say it: a run can be stopped between its last epoch and its test.
    return read_json(run.summary).get("status") == "completed"


def _load_last(run: RunFolder) -> tuple[dict[str, Any], Path]:
    """Returns the last checkpoint and its path. If that file is damaged, warns and returns the checkpoint before it."""
    try:
        return load_checkpoint(run.last_checkpoint), run.last_checkpoint
    except CheckpointError as error:
        if not run.previous_checkpoint.is_file():
            raise
        warn(f"{error}\nresuming from the checkpoint before it, {run.previous_checkpoint}")
        return load_checkpoint(run.previous_checkpoint), run.previous_checkpoint


def _settings(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Returns for each group the settings that the configuration alone decides, neither the schedule nor the device."""
    others = {"params", "lr", "initial_lr", "fused", "foreach", "capturable"}
    return [{key: value for key, value in group.items() if key not in others} for group in optimizer.param_groups]


def _check_optimizer(optimizer: Optimizer) -> None:
    """Raises ValueError if a state tensor has another shape than its parameter: a fused step would write beyond it."""
    for parameter, tensors in optimizer.state.items():
        for name, value in tensors.items():
            shape = () if name == "step" else tuple(parameter.shape)
            if value is not None and (not isinstance(value, Tensor) or tuple(value.shape) != shape):
                raise ValueError(f"the optimizer's {name} does not fit its parameter")


def _apply_overrides(experiment: Experiment, overrides: Sequence[str], *, folder: RunFolder) -> Experiment:
    """Returns the experiment with more epochs, or on another device. Raises UsageError for any other override."""
    foreign = [word for word in overrides if word.partition("=")[0] not in RESUME_KEYS]
    if foreign:
        raise UsageError(
            f"cifar train --resume: a run keeps its configuration, so expected no key=value but of "
            f"{', '.join(RESUME_KEYS)}, found {' '.join(foreign)}; start another run with: "
            f"{_train_command('--config', folder.config, *foreign, experiment=experiment)}"
        )
    changed = with_overrides(experiment, overrides, location=str(folder.config))
    before, after = experiment.train.epochs, changed.train.epochs
    counted = f"the run's {formatting.count(before, 'epoch')}"
    if after < before:
        raise UsageError(f"train.epochs: expected at least {counted}, found {after}; leave it out")
    if after > before and not experiment.schedule.is_extendable:
        fixed = f"schedule {experiment.schedule.name}"
    elif after > before and not experiment.average.is_extendable:
        fixed = f"average {experiment.average.name}"
    else:
        return changed
    raise UsageError(
        f"train.epochs: the {fixed} is laid out over {counted}, so it cannot be extended to {after}; "
        f"start a longer run with: "
        f"{_train_command('--config', folder.config, f'train.epochs={after}', experiment=experiment)}"
    )


def _train_command(*words: object, experiment: Experiment) -> str:
    return shell_command("cifar", "train", *words, *words_for_own_model(experiment.model))

"""`cifar train`: an experiment from its configuration to a run folder with a measured network in it."""

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.commands import parts
from cifar_cli.commands.images import open_images
from cifar_cli.commands.opening import load_weights, saved_experiment
from cifar_cli.commands.peak_memory import peak_memory_bytes
from cifar_cli.commands.plan import print_plan
from cifar_cli.commands.results import print_training_results
from cifar_cli.commands.terminal import closing, note, notes, warn
from cifar_cli.config import Experiment
from cifar_cli.data.sources import Splits
from cifar_cli.errors import StoppedError, UsageError
from cifar_cli.insight.layers import find_layer
from cifar_cli.observers.checkpoints import Checkpoints
from cifar_cli.observers.console import ConsoleProgress
from cifar_cli.observers.records import Records
from cifar_cli.observers.tensorboard import TensorBoard
from cifar_cli.runs.checkpoint import load_checkpoint
from cifar_cli.runs.environment import describe_environment
from cifar_cli.runs.files import write_text
from cifar_cli.runs.folder import RunFolder, create_run, find_run
from cifar_cli.runs.history import read_json, write_json
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.interrupt import StopRequest, stop_on_signal
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import choose_runtime


def train(source: str, overrides: Sequence[str] = (), *, dry_run: bool = False) -> None:
    """Trains a configuration from its beginning; with `dry_run`, only shows the plan and tries one batch."""
    experiment = config.load(source, overrides)
    _check_trainable(experiment)
    runtime = choose_runtime(device=experiment.train.device, precision=experiment.train.precision)
    experiment, splits = open_images(experiment)
    training = parts.training(experiment, splits, runtime)
    _check_feature_layers(experiment, training)
    if dry_run:
        command = shlex.join(["cifar", "train", "--config", source, *overrides])
        print_plan(experiment, splits, training, run_name=run_name(experiment), command=command)
        return
    run = create_run(Path(experiment.log.dir), run_name(experiment))
    write_text(run.config, config.dump(experiment))
    write_json(
        run.environment,
        describe_environment(device=runtime.device_name, precision=runtime.precision, data_root=splits.root),
    )
    _train(run, experiment, splits, training)


def resume(name: str, *, log_dir: Path) -> None:
    """Continues an interrupted run where its last checkpoint stands."""
    # The checkpoint that is continued from may itself be named.
    run = find_run(name.removesuffix("/checkpoints/last.pt"), log_dir=log_dir)
    saved = load_checkpoint(run.last_checkpoint)
    experiment = saved_experiment(saved, path=run.last_checkpoint)
    # A run stopped between its last epoch and its end has all its epochs, but the test set has not been asked yet.
    if read_json(run.summary).get("status") == "completed":
        raise UsageError(
            f"{run.path}: expected an unfinished run, found one with all its {experiment.train.epochs} epochs; "
            f"start a longer one with: cifar train --config {run.config} train.epochs={2 * experiment.train.epochs}"
        )
    runtime = choose_runtime(device=experiment.train.device, precision=experiment.train.precision)
    experiment, splits = open_images(experiment)
    training = parts.training(experiment, splits, runtime)
    load_weights(training.state.model, saved, path=run.last_checkpoint)
    training.state.load_state_dict(saved)
    note(f"resuming {run.path} after epoch {training.state.progress.epoch}, step {training.state.progress.step}")
    _train(run, experiment, splits, training)


def run_name(experiment: Experiment) -> str:
    """Returns what the run's folder is called before the time; whatever saw synthetic images says so."""
    is_synthetic = experiment.data.name == "synthetic" and "synthetic" not in experiment.name
    return f"{experiment.name}-synthetic" if is_synthetic else experiment.name


def _check_trainable(experiment: Experiment) -> None:
    problem = config.class_scores_problem(experiment)
    if problem:
        raise UsageError(problem)
    for text in config.warnings(experiment):
        warn(text)


def _check_feature_layers(experiment: Experiment, training: parts.Training) -> None:
    """Finds each layer now: a misspelt one should not come to light after the first epoch."""
    for layer in experiment.log.feature_layers:
        find_layer(training.state.model, layer)


def _train(run: RunFolder, experiment: Experiment, splits: Splits, training: parts.Training) -> None:
    """Fits, asks the test set once, and tells what came of it; whatever happens, the summary says how it ended."""
    records = Records(run, facts=_facts(experiment, training))
    status = "failed"
    test: Evaluation | None = None
    _announce(run, experiment, splits, training)
    try:
        # Around the test too: a signal that comes so late lets the run complete, which takes seconds.
        with stop_on_signal() as stop:
            _fit(run, experiment, splits, training, records, stop)
            test = _test_best(run, experiment, splits, training)
        status = "completed"
    except (StoppedError, KeyboardInterrupt):
        status = "interrupted"
        note(f"saved; continue with: cifar train --resume {run.path}")
        raise
    finally:
        summary = records.write_summary(status, test=test, peak_memory_bytes=peak_memory_bytes(training.runtime.device))
    print_training_results(summary)
    closing(wrote=[f"{run.path}/"], next_command=f"cifar eval {run.path}")


def _fit(
    run: RunFolder,
    experiment: Experiment,
    splits: Splits,
    training: parts.Training,
    records: Records,
    stop: StopRequest,
) -> None:
    text = config.dump(experiment)
    observers: list[Observer] = [
        ConsoleProgress(notes(), epochs=experiment.train.epochs, steps_per_epoch=training.steps_per_epoch),
        TensorBoard(
            run,
            config=text,
            images=parts.pictured(splits).images,
            prepare=parts.preparation(experiment, splits, training.runtime),
            feature_layers=experiment.log.feature_layers,
            images_every=experiment.log.images_every,
        ),
        records,
        # Last: a checkpoint says that everything before it has been written.
        Checkpoints(run, config=text),
    ]
    with ExitStack() as stack:
        for observer in observers:
            stack.callback(observer.close)
        fit(training.state, training.task, runtime=training.runtime, observers=observers, stop=stop)


def _test_best(run: RunFolder, experiment: Experiment, splits: Splits, training: parts.Training) -> Evaluation:
    """Asks the test set, this once, about the best epoch's weights, or the last's where nothing was held out."""
    model = training.state.model
    if training.state.progress.best_epoch is not None:
        load_weights(model, load_checkpoint(run.best_checkpoint), path=run.best_checkpoint)
    return parts.evaluation(experiment, model, splits.test, splits=splits, runtime=training.runtime)


def _facts(experiment: Experiment, training: parts.Training) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "dataset": experiment.data.name,
        "model": experiment.model.name,
        "parameters": sum(parameter.numel() for parameter in training.state.model.parameters()),
        "seed": experiment.seed,
        "device": str(training.runtime.device),
        "precision": training.runtime.precision,
    }


def _announce(run: RunFolder, experiment: Experiment, splits: Splits, training: parts.Training) -> None:
    facts = _facts(experiment, training)
    held_out = f"{len(splits.val):,} validation" if splits.val else "no validation"
    note(
        f"{experiment.name}: {experiment.model.name} with {facts['parameters']:,} parameters on {experiment.data.name} "
        f"({len(splits.train):,} training, {held_out}, {len(splits.test):,} test images)"
    )
    note(
        f"{experiment.train.epochs} epochs of {training.steps_per_epoch:,} steps, batch {experiment.data.batch_size}, "
        f"{experiment.optimizer.name} at lr {experiment.optimizer.lr:g}, seed {experiment.seed}; "
        f"{training.runtime.device_name}, {training.runtime.precision}"
    )
    note(f"writing to {run.path}/ (watch it: tensorboard --logdir {run.path.parent})")

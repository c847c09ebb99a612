"""Describes a training in words, before its first step."""

import torch

from cifar_cli import formatting
from cifar_cli.builders.build_training import Training, passes_per_batch, wants_graphs
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note
from cifar_cli.optim.reported_lr import configured_lr
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.shell import shell_command
from cifar_cli.training.runtime import Runtime


def describe_options(experiment: Experiment, runtime: Runtime) -> list[str]:
    """Returns what is unusual in how the training ends and takes its steps, in sentences."""
    found = (
        describe_early_stopping(experiment),
        describe_hard_examples(experiment),
        describe_sharpness(experiment),
        describe_parts(experiment),
        describe_missing_graphs(experiment, runtime),
    )
    return [text for text in found if text]


def describe_epochs(training: Training) -> str:
    """Returns for example "9 epochs of 25 to 50 steps"."""
    steps = training.epoch_steps
    each = f"{min(steps):,}" if min(steps) == max(steps) else f"{min(steps):,} to {max(steps):,}"
    return f"{formatting.count(len(steps), 'epoch')} of {each} {'step' if each == '1' else 'steps'}"


def describe_hard_examples(experiment: Experiment) -> str | None:
    """Returns which fractions of the images the epochs use, and from which epoch on; None if all epochs use all."""
    fractions = experiment.data.hard_example_fractions[: experiment.train.epochs]
    first = next((epoch for epoch, fraction in enumerate(fractions) if fraction < 1), None)
    if first is None:
        return None
    percentages = ", ".join(f"{100 * fraction:g}" for fraction in fractions[first:])
    rest = ", and so on" if len(fractions) < experiment.train.epochs else ""
    return (
        f"from epoch {first + 1} on only the hardest {percentages} % of the images{rest}; "
        f"training figures are of these images"
    )


def describe_early_stopping(experiment: Experiment) -> str | None:
    """Returns when the training ends early; None if it never does."""
    patience = experiment.train.patience
    if patience is None:
        return None
    return f"stops early after {formatting.count(patience, 'epoch')} without a better validation accuracy"


def describe_parts(experiment: Experiment) -> str | None:
    """Returns that batches are computed in parts; None if they are computed whole."""
    train, batch_size = experiment.train, experiment.data.batch_size
    if not train.computes_parts_of(batch_size):
        return None
    size = train.micro_batch_size or batch_size
    return f"each batch is computed in {-(-batch_size // size)} parts of at most {formatting.count(size, 'image')}"


def describe_sharpness(experiment: Experiment) -> str | None:
    """Returns that steps take several passes, None if they take one."""
    passes = experiment.sharpness.passes
    return f"sharpness {experiment.sharpness.name}: each step takes {passes} passes" if passes > 1 else None


def describe_missing_graphs(experiment: Experiment, runtime: Runtime) -> str | None:
    """Returns that no CUDA graphs are captured although the keys and the device allow them; None otherwise."""
    if passes_per_batch(experiment) == 1 or not wants_graphs(experiment, runtime):
        return None
    return "steps of several passes are not captured as CUDA graphs"


def describe_idle_gpus(runtime: Runtime, *, count: int) -> str | None:
    """Returns how to use all of a machine's `count` GPUs, None if no GPU is idle."""
    if runtime.device.type != "cuda" or runtime.processes.size > 1 or count < 2:
        return None
    return (
        f"one of this machine's {count} GPUs is used; for all of them write "
        f"torchrun --nproc-per-node {count} -m cifar_cli train in the place of cifar train"
    )


def announce_training(run: TrainingRun) -> None:
    """Prints network, data, schedule, device and folder of a training that is about to start."""
    experiment, splits, training = run.experiment, run.splits, run.training
    held_out = f"{len(splits.val):,} validation" if splits.val else "no validation"
    note(
        f"{experiment.name}: {experiment.model.label} with {formatting.count(run.facts['parameters'], 'parameter')} on "
        f"{experiment.data.name} ({len(splits.train):,} training, {held_out}, {len(splits.test):,} test images)"
    )
    note(
        f"{describe_epochs(training)}, batch {experiment.data.batch_size}, "
        f"{experiment.optimizer.name} at lr {configured_lr(training.state.scheduler).value:g}, seed {experiment.seed}; "
        f"{training.runtime.device_name}, {training.runtime.precision}"
    )
    idle_gpus = describe_idle_gpus(training.runtime, count=torch.cuda.device_count())
    for text in (*describe_options(experiment, training.runtime), idle_gpus):
        if text:
            note(text)
    watch = shell_command("tensorboard", "--logdir", run.folder.path.parent)
    note(f"writing to {run.folder.path}/ (watch it: {watch})")

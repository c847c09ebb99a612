"""`cifar train --dry-run`: prints the plan of a training and tries one batch. Writes nothing."""

import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.optim import Optimizer

from cifar_cli import formatting
from cifar_cli.analysis.call_order import called_layers
from cifar_cli.analysis.capture import capture_many
from cifar_cli.builders.build_training import Training
from cifar_cli.config import Experiment
from cifar_cli.config.dump import section_items
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.streams import print_next_step, results
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.optim.layer_order import layers_in_order
from cifar_cli.optim.reported_lr import LR_SCALE
from cifar_cli.runner.describe_training import describe_epochs, describe_options
from cifar_cli.section import Entry
from cifar_cli.training.train_step import backward


def print_dry_run(experiment: Experiment, splits: Splits, training: Training, *, run: Path, command: str) -> None:
    """Prints data, network, number of steps and run folder, then the loss and the time of one batch.

    run: the run folder, without its time. command: the command that would train.
    """
    console, steps = results(), sum(training.epoch_steps)
    options = describe_options(experiment, training.runtime)
    rows = {
        "experiment": experiment.name,
        "data": _describe_data(experiment, splits),
        "training": f"{describe_epochs(training)} with {formatting.count(experiment.data.batch_size, 'image')}, "
        f"{formatting.count(steps, 'step')} in all",
        **({"": "\n".join(options)} if options else {}),
        "optimizer": _describe_section(experiment.optimizer, without="groups"),
        **{
            f"  {', '.join(group.parameters)}": _describe_section(group, without="parameters")
            for group in experiment.optimizer.groups
        },
        "schedule": _describe_section(experiment.schedule),
        "computed on": f"{training.runtime.device_name}, {training.runtime.precision}",
        "would write": f"{run}-<date>-<time>/",
    }
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")  # a path has no spaces to be broken at
    for row in rows.items():
        table.add_row(*row)
    console.print(table)
    image = torch.zeros(1, *experiment.data.image_shape, device=training.runtime.device)
    print_table(console, model_table(training.state.model, image))
    if experiment.optimizer.layer_decay < 1:
        print_table(console, layer_lr_table(training.state.model, training.state.optimizer))
    _try_one_batch(console, training)
    print_next_step(wrote=[], next_command=command)


def model_table(model: nn.Module, image: Tensor) -> Table:
    """Returns a table with a row per innermost layer: name, type, output shape for the image, number of parameters.

    image: float32 (1, C, H, W), on the model's device.
    """
    table = Table("layer", "type", "output", title_justify="left")
    table.add_column("parameters", justify="right")
    innermost = {name: module for name, module in model.named_modules() if not list(module.children())}
    # A person's own network may have layers that it never calls, or that give more than one tensor.
    outputs = capture_many(model, image, layers=[name for name in called_layers(model, image) if name in innermost])
    for name, module in innermost.items():
        shape = " × ".join(map(str, outputs[name].shape[1:])) if name in outputs else "no tensor, or never called"
        table.add_row(name, type(module).__name__, shape, f"{_count_parameters(module):,}")
    table.add_section()
    table.add_row("total", "", "", f"{_count_parameters(model):,}")
    return table


def layer_lr_table(model: nn.Module, optimizer: Optimizer) -> Table:
    """Returns a table with a row per layer that layer decay counts: its trained parameters and their learning rates.

    The learning rates are those before any schedule: several where the layer's parameters are in several groups.
    """
    lrs = {
        id(parameter): group["initial_lr"] * group.get(LR_SCALE, 1.0)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    parameters = dict(model.named_parameters())
    table = Table("layer", title="learning rates by layer", title_justify="left")
    table.add_column("trained parameters", justify="right")
    table.add_column("lr", justify="right")
    for layer, names in layers_in_order(model).items():
        trained = [parameters[name] for name in names if id(parameters[name]) in lrs]
        texts = dict.fromkeys(f"{lrs[id(parameter)]:.3g}" for parameter in trained)
        table.add_row(layer, f"{sum(parameter.numel() for parameter in trained):,}", ", ".join(texts) or "frozen")
    return table


def _try_one_batch(console: Console, training: Training) -> None:
    """Prints the loss and the time of one forward and backward pass; the weights stay as they are."""
    task, runtime = training.task, training.runtime
    started_at = time.perf_counter()
    batch = task.transform(next(iter(task.loader)), training.state.augment_generator)
    loss, _ = backward(training.state, task, runtime, batch.images, batch.targets)
    value = loss.item()  # waits for the device, so that the time below is that of all the work
    seconds = time.perf_counter() - started_at
    console.print(f"one batch: loss {value:.4f}, {formatting.duration(seconds)} (later batches are faster)")


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _describe_data(experiment: Experiment, splits: Splits) -> str:
    val = f", {len(splits.val):,} for validation" if splits.val else ", none held out for validation"
    where = f" from {splits.root}" if splits.root else ", drawn by this program"
    train = f"{formatting.count(len(splits.train), 'image')} to train on"
    return f"{experiment.data.name}{where}: {train}{val}, {len(splits.test):,} to test"


def _describe_section(section: Entry, *, without: str = "") -> str:
    """Returns for example "sgd, lr 0.05, momentum 0.9": the section's name and the keys that are set."""
    items = [(key, value) for key, value in section_items(section) if value is not None]
    texts = [f"{key} {to_flow_yaml(value)}" for key, value in items if key not in ("name", without)]
    return ", ".join([section.name, *texts])

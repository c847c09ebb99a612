"""`cifar train --dry-run`: what would be done, and one batch of it. Writes nothing."""

import time

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from cifar_cli.analysis.capture import capture_many
from cifar_cli.builders.build_training import Training
from cifar_cli.config import Experiment
from cifar_cli.config.dump import section_items
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.console.streams import print_next_step, results
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.runner.describe_schedule import describe_epochs, describe_hard_examples
from cifar_cli.section import Entry


def print_dry_run(experiment: Experiment, splits: Splits, training: Training, *, run_name: str, command: str) -> None:
    """Prints data, network, steps and place, then trains on one batch and says how it went.

    run_name: what the run's folder would be called, before the time; command: the one that would train.
    """
    console, steps = results(), sum(training.epoch_steps)
    facts = {
        "experiment": experiment.name,
        "data": _describe_data(experiment, splits),
        "training": f"{describe_epochs(training)}, {steps:,} of {experiment.data.batch_size} images in all",
        **({"": hard_examples} if (hard_examples := describe_hard_examples(experiment)) else {}),
        "optimiser": _describe_section(experiment.optimizer, without="groups"),
        **{
            f"  {', '.join(group.parameters)}": _describe_section(group, without="parameters")
            for group in experiment.optimizer.groups
        },
        "schedule": _describe_section(experiment.schedule),
        "computed on": f"{training.runtime.device_name}, {training.runtime.precision}",
        "would write": f"{experiment.log.dir}/{run_name}-<date>-<time>/",
    }
    table = Table.grid(padding=(0, 2))
    for key, value in facts.items():
        table.add_row(key, value)
    console.print(table)
    image = torch.zeros(1, *experiment.data.image_shape, device=training.runtime.device)
    console.print(model_table(training.state.model, image))
    _try_one_batch(console, training)
    print_next_step(wrote=[], next_command=command)


def model_table(model: nn.Module, image: Tensor) -> Table:
    """Returns a row per layer that has no layers inside: its name, type, output shape for the image, parameters.

    image: float32 (1, C, H, W), where the model is.
    """
    table = Table("layer", "type", "output", title_justify="left")
    table.add_column("parameters", justify="right")
    innermost = {name: module for name, module in model.named_modules() if not list(module.children())}
    outputs = capture_many(model, image, layers=list(innermost))
    for name, module in innermost.items():
        shape = " × ".join(map(str, outputs[name].shape[1:]))
        table.add_row(name, type(module).__name__, shape, f"{_count_parameters(module):,}")
    table.add_section()
    table.add_row("total", "", "", f"{_count_parameters(model):,}")
    return table


def _try_one_batch(console: Console, training: Training) -> None:
    task, runtime = training.task, training.runtime
    started = time.perf_counter()
    batch = task.transform(next(iter(task.loader)), training.state.augment_generator)
    with runtime.autocast():
        loss = task.loss(task.forward(batch.images), batch.targets)
    loss.backward()
    value = loss.item()  # waits for the device, so the clock below has seen all of the work
    milliseconds = 1000 * (time.perf_counter() - started)
    console.print(f"one batch: loss {value:.4f}, {milliseconds:.0f} ms, as slow as a first batch is")


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _describe_data(experiment: Experiment, splits: Splits) -> str:
    val = f", {len(splits.val):,} for validation" if splits.val else ", none held out for validation"
    where = f" from {splits.root}" if splits.root else ", drawn by this program"
    return f"{experiment.data.name}{where}: {len(splits.train):,} images to train on{val}, {len(splits.test):,} to test"


def _describe_section(section: Entry, *, without: str = "") -> str:
    given = {key: value for key, value in section_items(section) if value is not None and key not in ("name", without)}
    return ", ".join([section.name, *(f"{key} {to_flow_yaml(value)}" for key, value in given.items())])

"""Builds the reference loops of table.py, each in a process of its own."""

from dataclasses import replace

import torch
from torch.utils.data import DataLoader

from cifar_cli.benchmark.rounds import TimedLoop
from cifar_cli.benchmark.timed_loops import StateSnapshot, timed_bare_loop, timed_tutorial_loop
from cifar_cli.benchmark.tutorial_loop import PictureDataset
from cifar_cli.benchmark.tutorial_transforms import tutorial_transform
from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.training.runtime import Runtime


def tutorial_reference(*, experiment: Experiment, splits: Splits, device: torch.device) -> TimedLoop:
    """Returns the tutorials' loop with the same network, batch size and optimizer, in torch's defaults."""
    experiment = _eager(experiment)
    training = build_training(experiment, splits, Runtime(device, "fp32"))
    training.state.model.to(memory_format=torch.contiguous_format)
    _use_default_kernels(training.state.optimizer)
    dataset = PictureDataset(
        splits.train.images,
        splits.train.labels,
        tutorial_transform(
            {key: value for key, (_, value) in experiment.data.augment.applied().items()},
            side=splits.train.images.shape[-1],
            normalize=(splits.mean, splits.std) if experiment.data.normalize else None,
        ),
    )
    # No workers, as in the tutorials: on two cores workers slow the training as much as they help.
    dataloader = DataLoader(dataset, batch_size=experiment.data.batch_size, shuffle=True)
    return timed_tutorial_loop(
        training.state, training.task, dataloader=dataloader, device=device, snapshot=StateSnapshot(training.state)
    )


def plain_reference(*, experiment: Experiment, splits: Splits, device: torch.device) -> TimedLoop:
    """Returns the bare loop on torch's own modules, eager, in the training's precision and memory format."""
    experiment = _eager(experiment)
    runtime = build_runtime(experiment)
    training = build_training(experiment, splits, runtime)
    _use_default_kernels(training.state.optimizer)
    return timed_bare_loop(
        training.state,
        training.task,
        images=splits.train.to(device),
        batch_size=experiment.data.batch_size,
        runtime=runtime,
        snapshot=StateSnapshot(training.state),
    )


def reference_arguments(experiment: Experiment, splits: Splits, device: torch.device) -> dict[str, object]:
    """Returns the arguments that build a reference, with the training images alone, for another process."""
    empty = splits.test.subset(torch.arange(0))
    return {"experiment": experiment, "splits": replace(splits, val=None, test=empty), "device": device}


def _eager(experiment: Experiment) -> Experiment:
    eager = {"compile": False, "fast_convolutions": False, "native_kernels": False}
    return experiment.model_copy(update={"train": experiment.train.model_copy(update=eager)})


def _use_default_kernels(optimizer: torch.optim.Optimizer) -> None:
    """Lets torch choose the kernels of the update, as it does without the argument `fused`."""
    for group in optimizer.param_groups:
        if "fused" in group:
            group["fused"] = None

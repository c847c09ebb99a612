"""What a configuration's training is measured against, each put together within a process of its own."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch.utils.data import DataLoader

from cifar_cli.benchmark.contenders import StartingPoint, by_hand, from_tutorials
from cifar_cli.benchmark.rounds import Contender
from cifar_cli.benchmark.tutorial_loop import PictureDataset, tutorial_transform
from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.training.runtime import Runtime


def tutorial(*, experiment: Experiment, splits: Splits, device: torch.device) -> Contender:
    """Returns the tutorials' loop on the same network, batch size and optimiser, as torch has them by default."""
    experiment = _eager(experiment)
    training = build_training(experiment, splits, Runtime(device, "fp32"))
    training.state.model.to(memory_format=torch.contiguous_format)
    _leave_to_torch(training.state.optimizer)
    augment = experiment.data.augment
    dataset = PictureDataset(
        splits.train.images,
        splits.train.labels,
        tutorial_transform(
            size=splits.train.images.shape[-1],
            flip=augment["flip"] is not None,
            translate=augment["translate"],
            cutout=augment["cutout"],
            normalize=(splits.mean, splits.std) if experiment.data.normalize else None,
        ),
    )
    # No workers, as in the tutorials: on two cores they take from the training what they give.
    dataloader = DataLoader(dataset, batch_size=experiment.data.batch_size, shuffle=True)
    return from_tutorials(
        training.state, training.task, dataloader=dataloader, device=device, start=StartingPoint(training.state)
    )


def plain(*, experiment: Experiment, splits: Splits, device: torch.device) -> Contender:
    """Returns the bare loop on torch's own modules, eager, in the precision and memory format that we compute in."""
    experiment = _eager(experiment)
    runtime = build_runtime(experiment)
    training = build_training(experiment, splits, runtime)
    _leave_to_torch(training.state.optimizer)
    return by_hand(
        training.state,
        training.task,
        images=splits.train.to(device),
        batch_size=experiment.data.batch_size,
        runtime=runtime,
        start=StartingPoint(training.state),
    )


REFERENCES: Mapping[str, Callable[..., Contender]] = {"tutorial": tutorial, "plain": plain}


def arguments(experiment: Experiment, splits: Splits, device: torch.device) -> dict[str, object]:
    """Returns what a reference is built from, small enough to be sent to another process."""
    nothing = splits.test.subset(torch.arange(0))
    return {"experiment": experiment, "splits": replace(splits, val=None, test=nothing), "device": device}


def _eager(experiment: Experiment) -> Experiment:
    as_torch = {"compile": False, "fast_convolutions": False}
    return experiment.model_copy(update={"train": experiment.train.model_copy(update=as_torch)})


def _leave_to_torch(optimizer: torch.optim.Optimizer) -> None:
    """Has the optimiser update as torch does unless it is asked to do all parameters in one pass."""
    for group in optimizer.param_groups:
        if "fused" in group:
            group["fused"] = None

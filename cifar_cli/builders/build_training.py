"""Builds a training from an experiment and its images."""

import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from cifar_cli.builders.build_model import build_model, memory_format
from cifar_cli.builders.build_transforms import build_preprocessing, build_training_transform
from cifar_cli.builders.init_weights import init_weights
from cifar_cli.builders.initial_weights import InitialWeights, copy_into
from cifar_cli.builders.preflight import check_batches
from cifar_cli.builders.run_evaluation import build_loss, run_evaluation
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.hard_examples import HardExamples
from cifar_cli.data.loader import BatchLoader
from cifar_cli.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from cifar_cli.distributed.sharded_forward import ShardedForward, with_synchronized_gradients
from cifar_cli.distributed.shared_batch_norm import share_batch_norms
from cifar_cli.distributed.shared_instance_norm import share_instance_norms
from cifar_cli.kernels.cuda_graphs import GraphCache, can_capture
from cifar_cli.kernels.fast_convolutions import has_faster_kernels, replace_convolutions
from cifar_cli.kernels.native_modules import has_native_kernels, replace_by_native
from cifar_cli.optim.averages import Average
from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.optim.schedules.build_schedule import build_schedule
from cifar_cli.optim.select_parameters import freeze
from cifar_cli.section import call_with_accepted, load_target
from cifar_cli.training.loop import Task
from cifar_cli.training.runtime import Runtime, choose_runtime, compute_deterministically, synchronize
from cifar_cli.training.state import EpochTotals, TrainingState


@dataclass(frozen=True)
class Training:
    """A training: its state, which a checkpoint saves, its task, and the device and precision it runs in.

    initial: the given weights that a new training began with.
    """

    state: TrainingState
    task: Task
    runtime: Runtime
    initial: InitialWeights | None = None

    @property
    def epoch_steps(self) -> list[int]:
        """The number of steps of each epoch."""
        return self.task.epoch_steps


def build_runtime(experiment: Experiment, processes: ProcessGroup = SINGLE_PROCESS) -> Runtime:
    """Returns the experiment's device and precision. With train.deterministic, sets torch's flag for the process."""
    if experiment.train.deterministic:
        compute_deterministically()
    return choose_runtime(device=experiment.train.device, precision=experiment.train.precision, processes=processes)


def build_training(
    experiment: Experiment, splits: Splits, runtime: Runtime, *, initial: InitialWeights | None = None
) -> Training:
    """Returns the experiment's training before its first step. Seeds the global generators, for dropout.

    Those of Python and NumPy too, from which a person's own network may draw.

    initial: weights to begin with in the place of drawn ones. The time of the initialization, whitening included, is
    the beginning of the first epoch's time.
    """
    loader = _training_loader(experiment, splits, runtime)
    if runtime.device.type != "cpu" and not experiment.model.is_own:
        build_initialized_model(experiment, splits, runtime)  # loads libraries on the device, which is no training
    torch.manual_seed(experiment.seed)
    random.seed(experiment.seed)
    np.random.seed(experiment.seed % 2**32)
    started = time.perf_counter()
    model = build_initialized_model(experiment, splits, runtime)
    if initial is not None:
        copy_into(model, initial)
    synchronize(runtime.device)
    initialization_seconds = time.perf_counter() - started
    freeze(model, experiment.train.freeze)
    if runtime.processes.size > 1:
        model = share_instance_norms(share_batch_norms(model, runtime.device))
    model = with_fast_kernels(model, experiment, runtime)
    epoch_steps = [loader.batches_in(epoch) for epoch in range(experiment.train.epochs)]
    optimizer = build_optimizer(
        model=model,
        clip_grad_norm=experiment.train.clip_grad_norm,
        # Fused: one pass over all parameters. Not with a loss scaler: a fused step unscales after the clipping. Not for
        # a person's own network: a fused step fails where a layer is used for the first time in a later step.
        fused=runtime.device.type in ("cpu", "cuda") and runtime.precision != "fp16" and not experiment.model.is_own,
        **experiment.optimizer.model_dump(),
    )
    state = TrainingState(
        model=model,
        optimizer=optimizer,
        scheduler=build_schedule(optimizer=optimizer, epoch_steps=epoch_steps, **experiment.schedule.model_dump()),
        scaler=torch.amp.GradScaler(runtime.device.type, enabled=runtime.precision == "fp16"),
        # On the CPU: the same random numbers on every device, so that a run can move to another device.
        augment_generator=torch.Generator().manual_seed(experiment.seed),
        totals=replace(EpochTotals.zero(runtime.device), seconds=initialization_seconds),
        average=_build_average(experiment, model, total_steps=sum(epoch_steps)),
        hard_examples=loader.hard_examples,
    )
    return Training(state, _build_task(experiment, splits, runtime, state, loader), runtime, initial)


def build_initialized_model(experiment: Experiment, splits: Splits, runtime: Runtime) -> nn.Module:
    """Returns the network on the device, with the weights that training starts from."""
    model = build_model(experiment).to(runtime.device).to(memory_format=memory_format(experiment))
    initialize(model, experiment, splits, runtime)
    return model


def initialize(model: nn.Module, experiment: Experiment, splits: Splits, runtime: Runtime) -> None:
    """Changes a new network's weights in place as the section `init` says, some of them from training images."""
    preprocess = build_preprocessing(experiment, splits, runtime)
    init_weights(model, experiment.init, images=splits.train, preprocess=preprocess)


def with_fast_kernels(model: nn.Module, experiment: Experiment, runtime: Runtime) -> nn.Module:
    """Returns the network. Replaces layers by those that compute the same faster, if experiment and device allow it."""
    is_wanted = experiment.train.fast_convolutions == "auto" and not (
        experiment.train.compile or experiment.model.is_own
    )
    if is_wanted and has_faster_kernels(runtime.device, runtime.precision):
        model = replace_convolutions(model)
    if is_native_wanted(experiment, runtime.device) and has_native_kernels(runtime.device):
        model = replace_by_native(model)
    return model


def wants_graphs(experiment: Experiment, runtime: Runtime) -> bool:
    """Returns whether the experiment and the device allow steps as CUDA graphs."""
    # A person's own code may do other things than tensor operations in a step, which a graph would not repeat.
    is_wanted = experiment.train.cuda_graphs == "auto" and not experiment.model.is_own
    return is_wanted and can_capture(runtime.device, runtime.precision)


def passes_per_batch(experiment: Experiment) -> int:
    """Returns the forward and backward passes of a step with a whole batch."""
    batch_size = experiment.data.batch_size
    parts = -(-batch_size // (experiment.train.micro_batch_size or batch_size))
    return parts * experiment.sharpness.passes


def is_native_wanted(experiment: Experiment, device: torch.device) -> bool:
    """Returns whether the experiment's network is to compute by native kernels on this device, where there are any."""
    train = experiment.train
    return device.type == "cpu" and train.native_kernels == "auto" and not (train.compile or experiment.model.is_own)


def _training_loader(experiment: Experiment, splits: Splits, runtime: Runtime) -> BatchLoader:
    data, images = experiment.data, splits.train
    fractions = data.hard_example_fractions
    hard_examples = HardExamples(len(images), fractions=fractions, device=runtime.device) if fractions else None
    for epoch in range(experiment.train.epochs):
        check_batches(experiment, images=hard_examples.images_in(epoch) if hard_examples else len(images))
    return BatchLoader(
        images.to(runtime.device),
        batch_size=data.batch_size,
        shuffle=True,
        seed=experiment.seed,
        drop_last=data.drop_last,
        hard_examples=hard_examples,
    )


def _build_average(experiment: Experiment, model: nn.Module, *, total_steps: int) -> Average:
    keys = experiment.average
    available = {"model": model, "total_steps": total_steps}
    average: Average = call_with_accepted(load_target(keys.target), (), available, **keys.arguments)
    return average


def _build_task(
    experiment: Experiment, splits: Splits, runtime: Runtime, state: TrainingState, loader: BatchLoader
) -> Task:
    model, processes = state.model, runtime.processes
    is_shared = processes.size > 1
    synchronized = with_synchronized_gradients(model) if is_shared else None
    network = synchronized or model
    forward: Callable[[Tensor], Tensor] = torch.compile(network) if experiment.train.compile else network
    # Not known to work with several passes in a step.
    is_captured = wants_graphs(experiment, runtime) and passes_per_batch(experiment) == 1
    evaluate = partial(
        run_evaluation,
        experiment,
        ShardedForward(model, processes) if is_shared else model,
        splits=splits,
        runtime=runtime,
        without_tta=True,  # validation only compares epochs, which the faster evaluation does as well
    )
    return Task(
        loader=loader,
        transform=build_training_transform(experiment, splits, runtime),
        forward=ShardedForward(forward, processes) if is_shared else forward,
        loss=build_loss(experiment, splits, runtime),
        validate=partial(evaluate, splits.val.to(runtime.device)) if splits.val else None,
        epochs=experiment.train.epochs,
        patience=experiment.train.patience,
        graph_cache=GraphCache(model, state.optimizer, device=runtime.device)
        if is_captured and not is_shared
        else None,
        micro_batch_size=experiment.train.micro_batch_size,
        no_sync=synchronized.no_sync if synchronized else nullcontext,
        sharpness=load_target(experiment.sharpness.target)(**experiment.sharpness.arguments),
    )

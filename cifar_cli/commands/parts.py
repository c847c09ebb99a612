"""Turns an Experiment into the parts that a training is put together from: the rooms below know no Experiment."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from cifar_cli.commands import networks
from cifar_cli.commands.beginning import begin
from cifar_cli.commands.trainable import check_batches
from cifar_cli.config import Experiment
from cifar_cli.data.augment import Augment, flip_once
from cifar_cli.data.hardest import Hardest
from cifar_cli.data.images import ImageSet
from cifar_cli.data.loader import EpochBatches, make_loader
from cifar_cli.data.normalize import Normalize, to_unit
from cifar_cli.data.resize import resize
from cifar_cli.data.sources import Splits
from cifar_cli.training.averages import AVERAGES
from cifar_cli.training.batch_norm import share_batch_norms
from cifar_cli.training.cuda_graphs import Recordings, can_record
from cifar_cli.training.distributed import Spread, synchronized
from cifar_cli.training.evaluation import Evaluation, evaluate
from cifar_cli.training.fast_convolutions import can_gain, speed_up_convolutions
from cifar_cli.training.loop import Batches, Task
from cifar_cli.training.losses import LOSSES, Loss
from cifar_cli.training.optimizers import build_optimizer
from cifar_cli.training.patterns import freeze
from cifar_cli.training.processes import ALONE, Processes
from cifar_cli.training.runtime import Runtime, choose_runtime, compute_deterministically
from cifar_cli.training.schedules import build_schedule
from cifar_cli.training.state import EpochTotals, TrainingState
from cifar_cli.training.views import VIEWS

PICTURED_IMAGES = 4
MEASURED_IMAGES = 32  # whose activations are measured; more cost more and say the same
EVAL_BATCH_SIZE = 500  # divides 5,000 and 10,000; larger is no faster on a CPU


def runtime(experiment: Experiment, processes: Processes = ALONE) -> Runtime:
    """Returns where and how the experiment is computed; train.deterministic holds from here on for the process."""
    if experiment.train.deterministic:
        compute_deterministically()
    return choose_runtime(device=experiment.train.device, precision=experiment.train.precision, processes=processes)


def begin_weights(model: nn.Module, experiment: Experiment, splits: Splits, runtime: Runtime) -> None:
    """Changes an untrained network's weights in place to what training begins with: `init` may need the images."""
    begin(model, experiment.init, images=splits.train, prepare=preparation(experiment, splits, runtime))


def sped_up(model: nn.Module, experiment: Experiment, runtime: Runtime) -> nn.Module:
    """Returns the network, its convolutions changed in place where the experiment wants that and it is faster."""
    is_wanted = experiment.train.fast_convolutions == "auto" and not experiment.train.compile
    return speed_up_convolutions(model) if is_wanted and can_gain(runtime) else model


def loss(experiment: Experiment) -> Loss:
    """Returns the experiment's loss."""
    return LOSSES[experiment.loss.name](**experiment.loss.model_dump(exclude={"name"}))


def preparation(experiment: Experiment, splits: Splits, runtime: Runtime) -> Callable[[Tensor], Tensor]:
    """Returns what makes of uint8 images (B, C, H, W) what a network takes: float32, on the device."""
    to_float = Normalize(splits.mean, splits.std).to(runtime.device) if experiment.data.normalize else to_unit

    def prepare(images: Tensor) -> Tensor:
        # In this order: per-channel arithmetic is slow where the channels lie side by side (0.19 ms against 0.53 ms for
        # 64 images on one thread of a Xeon).
        return to_float(images.to(runtime.device)).contiguous(memory_format=torch.channels_last)

    return prepare


def augmentation(experiment: Experiment, splits: Splits) -> Augment:
    """Returns the experiment's augmentation of uint8 images; what it erases, it fills with the mean colour."""
    chosen = experiment.data.augment
    fill = tuple(round(255 * channel) for channel in splits.mean)
    return Augment(flip=chosen.flip, translate=chosen.translate, cutout=chosen.cutout, fill=fill)


def pictured(splits: Splits, count: int = PICTURED_IMAGES) -> ImageSet:
    """Returns the images that pictures are made of, always the same; the test set stays unread."""
    images = splits.val or splits.train
    return images.subset(torch.arange(min(count, len(images))))


def evaluation(
    experiment: Experiment,
    model: nn.Module,
    images: ImageSet,
    *,
    splits: Splits,
    runtime: Runtime,
    batch_size: int = EVAL_BATCH_SIZE,
    is_plain: bool = False,
) -> Evaluation:
    """Measures the network on a set of images, each counted once; `is_plain`: without further views of them."""
    return evaluate(
        model,
        loader=make_loader(images, batch_size=batch_size),
        loss=loss(experiment),
        prepare=preparation(experiment, splits, runtime),
        runtime=runtime,
        num_classes=len(images.class_names),
        views=None if is_plain else VIEWS[experiment.evaluation.views],
        unsure_share=experiment.evaluation.unsure_share,
    )


@dataclass(frozen=True)
class Training:
    """A training put together: where it is, what it does, where it computes."""

    state: TrainingState
    task: Task
    runtime: Runtime

    @property
    def epoch_steps(self) -> list[int]:
        """How many steps each epoch takes."""
        return _epoch_steps(self.task.loader, epochs=self.task.epochs)


def training(experiment: Experiment, splits: Splits, runtime: Runtime) -> Training:
    """Returns the experiment's training before its first step. Seeds torch's global generators, for dropout."""
    torch.manual_seed(experiment.seed)
    is_spread = runtime.processes.size > 1
    model = networks.network(experiment).to(runtime.device).to(memory_format=torch.channels_last)
    begin_weights(model, experiment, splits, runtime)
    freeze(model, experiment.train.freeze)
    if is_spread:
        model = share_batch_norms(model, runtime.device)
    model = sped_up(model, experiment, runtime)
    shares = experiment.data.hardest
    hardest = Hardest(len(splits.train), shares=shares, device=runtime.device) if shares else None
    loader = make_loader(
        _as_trained_on(splits.train, experiment).to(runtime.device),
        batch_size=experiment.data.batch_size,
        shuffle=True,
        seed=experiment.seed,
        drop_last=experiment.data.drop_last,
        hardest=hardest,
    )
    for epoch in range(experiment.train.epochs):
        check_batches(experiment, images=hardest.images_in(epoch) if hardest else len(splits.train))
    epoch_steps = _epoch_steps(loader, epochs=experiment.train.epochs)
    optimizer = build_optimizer(
        model=model,
        clip_grad_norm=experiment.train.clip_grad_norm,
        # One pass over all parameters. A loss scaler hands its scale to a fused step unseen by the clipping before it.
        fused=runtime.device.type in ("cpu", "cuda") and runtime.precision != "fp16",
        **experiment.optimizer.model_dump(),
    )
    average = experiment.average.model_dump()
    state = TrainingState(
        model=model,
        optimizer=optimizer,
        scheduler=build_schedule(
            optimizer=optimizer,
            epoch_steps=epoch_steps,
            **experiment.schedule.model_dump(),
        ),
        scaler=torch.amp.GradScaler(runtime.device.type, enabled=runtime.precision == "fp16"),
        # On the CPU wherever the network is: the same draws on every device, so that a run can move to another.
        augment_generator=torch.Generator().manual_seed(experiment.seed),
        totals=EpochTotals.zero(runtime.device),
        average=AVERAGES[average.pop("name")](model, total_steps=sum(epoch_steps), **average),
        hardest=hardest,
    )
    trained = synchronized(model) if is_spread else model
    forward: Callable[[Tensor], Tensor] = torch.compile(trained) if experiment.train.compile else trained
    is_recorded = experiment.train.cuda_graphs == "auto" and can_record(runtime) and not is_spread
    measured = Spread(model, runtime.processes) if is_spread else model
    task = Task(
        loader=loader,
        augment_and_normalize=_training_preparation(experiment, splits, preparation(experiment, splits, runtime)),
        forward=Spread(forward, runtime.processes) if is_spread else forward,
        loss=loss(experiment),
        validate=partial(
            evaluation,
            experiment,
            measured,
            splits.val.to(runtime.device),
            splits=splits,
            runtime=runtime,
            is_plain=True,  # each epoch is only compared with the others, and is not to wait for more
        )
        if splits.val
        else None,
        epochs=experiment.train.epochs,
        recordings=Recordings(optimizer, device=runtime.device) if is_recorded else None,
    )
    return Training(state, task, runtime)


def _epoch_steps(loader: Batches, *, epochs: int) -> list[int]:
    batches = loader.batch_sampler
    assert isinstance(batches, EpochBatches)
    return [batches.batches_in(epoch) for epoch in range(epochs)]


def _as_trained_on(images: ImageSet, experiment: Experiment) -> ImageSet:
    """Returns the training images as the first epoch is to see them."""
    if experiment.data.augment.flip != "alternating":
        return images
    return replace(images, images=flip_once(images.images, seed=experiment.seed))


def _training_preparation(
    experiment: Experiment, splits: Splits, prepare: Callable[[Tensor], Tensor]
) -> Callable[[Tensor, torch.Generator, int], Tensor]:
    """Returns what makes of uint8 training images (B, C, H, W) what the network takes in an epoch."""
    augment, sizes = augmentation(experiment, splits), experiment.data.augment.sizes

    def augment_and_normalize(images: Tensor, generator: torch.Generator, epoch: int) -> Tensor:
        prepared = prepare(augment(images, generator, epoch=epoch))
        return resize(prepared, sizes[min(epoch, len(sizes) - 1)]) if sizes else prepared

    return augment_and_normalize

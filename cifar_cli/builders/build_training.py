"""Turns an Experiment into the parts that a training is put together from: the rooms below know no Experiment."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from cifar_cli.builders import build_model
from cifar_cli.builders.init_weights import init_weights
from cifar_cli.builders.preflight import check_batches
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.hard_examples import HardExamples
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import EpochBatches, make_loader
from cifar_cli.data.normalize import Normalize, to_unit
from cifar_cli.data.transforms.augment import Augment, flip_once
from cifar_cli.data.transforms.resize import resize
from cifar_cli.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from cifar_cli.distributed.sharded_forward import ShardedForward, with_synchronized_gradients
from cifar_cli.distributed.shared_batch_norm import share_batch_norms
from cifar_cli.kernels.cuda_graphs import GraphCache, can_capture
from cifar_cli.kernels.fast_convolutions import has_faster_kernels, replace_convolutions
from cifar_cli.optim.averages import AVERAGES
from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.optim.losses import LOSSES, Loss
from cifar_cli.optim.schedules import build_schedule
from cifar_cli.optim.select_parameters import freeze
from cifar_cli.training.evaluation import Evaluation, evaluate
from cifar_cli.training.loop import Batches, Task
from cifar_cli.training.runtime import Runtime, choose_runtime, compute_deterministically
from cifar_cli.training.state import EpochTotals, TrainingState
from cifar_cli.training.tta import TTA

SAMPLE_IMAGES = 4
STATISTICS_IMAGES = 32  # whose activations are measured; more cost more and say the same
EVAL_BATCH_SIZE = 500  # divides 5,000 and 10,000; larger is no faster on a CPU


def build_runtime(experiment: Experiment, processes: ProcessGroup = SINGLE_PROCESS) -> Runtime:
    """Returns where and how the experiment is computed; train.deterministic holds from here on for the process."""
    if experiment.train.deterministic:
        compute_deterministically()
    return choose_runtime(device=experiment.train.device, precision=experiment.train.precision, processes=processes)


def init_model_weights(model: nn.Module, experiment: Experiment, splits: Splits, runtime: Runtime) -> None:
    """Changes an untrained network's weights in place to what training begins with: `init` may need the images."""
    init_weights(model, experiment.init, images=splits.train, prepare=build_preprocessing(experiment, splits, runtime))


def with_fast_convolutions(model: nn.Module, experiment: Experiment, runtime: Runtime) -> nn.Module:
    """Returns the network, its convolutions changed in place where the experiment wants that and it is faster."""
    is_wanted = experiment.train.fast_convolutions == "auto" and not experiment.train.compile
    return replace_convolutions(model) if is_wanted and has_faster_kernels(runtime.device, runtime.precision) else model


def build_loss(experiment: Experiment) -> Loss:
    """Returns the experiment's loss."""
    return LOSSES[experiment.loss.name](**experiment.loss.model_dump(exclude={"name"}))


def build_preprocessing(experiment: Experiment, splits: Splits, runtime: Runtime) -> Callable[[Tensor], Tensor]:
    """Returns what makes of uint8 images (B, C, H, W) what a network takes: float32, on the device."""
    to_float = Normalize(splits.mean, splits.std).to(runtime.device) if experiment.data.normalize else to_unit

    def prepare(images: Tensor) -> Tensor:
        # In this order: per-channel arithmetic is slow where the channels lie side by side (0.19 ms against 0.53 ms for
        # 64 images on one thread of a Xeon).
        return to_float(images.to(runtime.device)).contiguous(memory_format=torch.channels_last)

    return prepare


def build_augmentation(experiment: Experiment, splits: Splits) -> Augment:
    """Returns the experiment's augmentation of uint8 images; what it erases, it fills with the mean colour."""
    chosen = experiment.data.augment
    fill = tuple(round(255 * channel) for channel in splits.mean)
    return Augment(flip=chosen.flip, translate=chosen.translate, cutout=chosen.cutout, fill=fill)


def sample_images(splits: Splits, count: int = SAMPLE_IMAGES) -> ImageSet:
    """Returns the images that pictures are made of, always the same; the test set stays unread."""
    images = splits.val or splits.train
    return images.subset(torch.arange(min(count, len(images))))


def run_evaluation(
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
        loss=build_loss(experiment),
        prepare=build_preprocessing(experiment, splits, runtime),
        runtime=runtime,
        num_classes=len(images.class_names),
        tta=None if is_plain else TTA[experiment.evaluation.tta],
        tta_fraction=experiment.evaluation.tta_fraction,
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


def build_training(experiment: Experiment, splits: Splits, runtime: Runtime) -> Training:
    """Returns the experiment's training before its first step. Seeds torch's global generators, for dropout."""
    torch.manual_seed(experiment.seed)
    is_spread = runtime.processes.size > 1
    model = build_model.build_model(experiment).to(runtime.device).to(memory_format=torch.channels_last)
    init_model_weights(model, experiment, splits, runtime)
    freeze(model, experiment.train.freeze)
    if is_spread:
        model = share_batch_norms(model, runtime.device)
    model = with_fast_convolutions(model, experiment, runtime)
    shares = experiment.data.hard_example_fractions
    hard_examples = HardExamples(len(splits.train), fractions=shares, device=runtime.device) if shares else None
    loader = make_loader(
        _as_trained_on(splits.train, experiment).to(runtime.device),
        batch_size=experiment.data.batch_size,
        shuffle=True,
        seed=experiment.seed,
        drop_last=experiment.data.drop_last,
        hard_examples=hard_examples,
    )
    for epoch in range(experiment.train.epochs):
        check_batches(experiment, images=hard_examples.images_in(epoch) if hard_examples else len(splits.train))
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
        hard_examples=hard_examples,
    )
    trained = with_synchronized_gradients(model) if is_spread else model
    forward: Callable[[Tensor], Tensor] = torch.compile(trained) if experiment.train.compile else trained
    is_recorded = (
        experiment.train.cuda_graphs == "auto" and can_capture(runtime.device, runtime.precision) and not is_spread
    )
    measured = ShardedForward(model, runtime.processes) if is_spread else model
    task = Task(
        loader=loader,
        augment_and_normalize=_training_preparation(
            experiment, splits, build_preprocessing(experiment, splits, runtime)
        ),
        forward=ShardedForward(forward, runtime.processes) if is_spread else forward,
        loss=build_loss(experiment),
        validate=partial(
            run_evaluation,
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
        recordings=GraphCache(optimizer, device=runtime.device) if is_recorded else None,
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
    augment, sizes = build_augmentation(experiment, splits), experiment.data.augment.sizes

    def augment_and_normalize(images: Tensor, generator: torch.Generator, epoch: int) -> Tensor:
        prepared = prepare(augment(images, generator, epoch=epoch))
        return resize(prepared, sizes[min(epoch, len(sizes) - 1)]) if sizes else prepared

    return augment_and_normalize

"""Trainings built from an experiment: their images, steps, augmentations and CUDA graphs."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torchvision.transforms import v2

from cifar_cli import config
from cifar_cli.builders import build_training as build_training_module
from cifar_cli.builders.build_training import Training, build_training
from cifar_cli.data.batch import Batch
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.errors import UsageError
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import train_epoch
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import CPU, Runtime, choose_runtime
from cifar_cli.training.state import TrainingState


def training_of(splits: Splits, *overrides: str) -> Training:
    experiment = config.load("cnn", ["data.name=synthetic", "model.widths=[8, 8]", "log.feature_layers=[]", *overrides])
    return build_training(experiment, splits, choose_runtime(device="cpu"))


def test_epochs_have_images_of_the_listed_sizes_and_then_of_the_last_size(small_splits: Splits) -> None:
    training = training_of(small_splits, "data.augment.sizes=[16, 24, 32]")
    two, generator = torch.arange(2), training.state.augment_generator
    images, labels = small_splits.train.images[:2], small_splits.train.labels[:2]
    batches = [training.task.transform(Batch(images, labels, two, epoch), generator) for epoch in range(5)]
    shapes = [tuple(batch.images.shape) for batch in batches]
    assert shapes == [(2, 3, side, side) for side in (16, 24, 32, 32, 32)]


def test_lookahead_is_built_for_the_total_number_of_steps(small_splits: Splits) -> None:
    words = ["data.hard_example_fractions=[1, 0.5]", "data.batch_size=50", "train.epochs=3", "average.name=lookahead"]
    training = training_of(small_splits, *words)
    whole, half = len(small_splits.train) // 50, len(small_splits.train) // 100
    assert training.epoch_steps == [whole, half, half]
    assert training.state.average.total_steps == whole + 2 * half  # type: ignore[attr-defined]


def test_an_epoch_of_hard_examples_must_have_a_whole_batch(small_splits: Splits) -> None:
    words = ["data.val_size=100", "data.drop_last=true", "data.batch_size=400", "train.epochs=2"]
    assert training_of(small_splits, *words).epoch_steps == [1, 1]
    with pytest.raises(UsageError, match=r"data\.batch_size: expected at most the 250 images there are to train on"):
        training_of(small_splits, *words, "data.hard_example_fractions=[1, 0.5]")


def test_an_alternating_flip_trains_on_each_image_both_ways_and_on_half_of_them_mirrored_at_first(
    small_splits: Splits,
) -> None:
    training = training_of(small_splits, "data.augment={flip: alternating, translate: 0, cutout: 0}")
    unit = v2.ToDtype(torch.float32, scale=True)(small_splits.train.images)
    expected = v2.Normalize(small_splits.mean, small_splits.std)(unit)
    kept = training.task.loader.dataset.image_set.images  # type: ignore[attr-defined]
    everything = torch.arange(len(kept))
    first, second = (
        training.task.transform(Batch(kept, everything, everything, epoch), training.state.augment_generator).images
        for epoch in (0, 1)
    )
    torch.testing.assert_close(second, first.flip(-1))
    mirrored = (first - expected.flip(-1)).flatten(1).abs().amax(dim=1) < 1e-5
    as_it_was = (first - expected).flatten(1).abs().amax(dim=1) < 1e-5
    assert bool((mirrored | as_it_was).all())
    assert 0.4 < float(mirrored.double().mean()) < 0.6


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_initialization_begins_the_time_of_the_first_epoch_and_loading_libraries_does_not(
    small_splits: Splits, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """A GPU, for which `meta` stands here, loads its libraries in a first initialization, which takes 50 s here."""
    now, durations, build = (
        0.0,
        [3.0] if device == "cpu" else [50.0, 3.0],
        build_training_module.build_initialized_model,
    )

    def slow(experiment: Any, splits: Any, runtime: Runtime) -> Any:
        nonlocal now
        now += durations.pop(0)
        return build(experiment, splits, CPU)

    monkeypatch.setattr(build_training_module, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(build_training_module, "build_initialized_model", slow)
    experiment = config.load("mlp", ["data.name=synthetic", "data.batch_size=50"])
    training = build_training(experiment, small_splits, Runtime(torch.device(device), "fp32"))
    assert training.state.totals.seconds == 3.0
    assert durations == []


class NoWaiting(Observer):
    """Makes every wait for the GPU an error, from the end of the first step to that of the last but one."""

    def __init__(self, *, steps: int) -> None:
        self.steps = steps

    def step_ended(self, state: TrainingState) -> None:
        is_within = 1 <= state.progress.step < self.steps - 1  # the epoch's beginning and its end may wait
        torch.cuda.set_sync_debug_mode("error" if is_within else "default")

    def close(self) -> None:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_no_step_waits_for_the_device(small_splits: Splits) -> None:
    words = ["data.name=synthetic", "data.batch_size=50", "data.augment.cutout=8", "log.feature_layers=[]"]
    costly = ["train.clip_grad_norm=1", "average.name=lookahead", "data.hard_example_fractions=[1, 0.5]"]
    experiment = config.load("speedrun94", [*words, *costly])
    training = build_training(experiment, small_splits, choose_runtime(device="cuda"))
    guard = NoWaiting(steps=len(training.task.loader))
    try:
        train_epoch(
            training.state, training.task, runtime=training.runtime, observers=[guard], shutdown=ShutdownRequest()
        )
    finally:
        guard.close()
    assert training.state.progress.step == len(training.task.loader) > 5


@pytest.mark.parametrize(
    ("can_capture", "word", "expected"),
    [(True, "auto", True), (True, "false", False), (False, "auto", False)],
)
def test_steps_are_captured_if_the_device_can_unless_the_key_says_no(
    small_splits: Splits, monkeypatch: pytest.MonkeyPatch, can_capture: bool, word: str, expected: bool
) -> None:
    monkeypatch.setattr("cifar_cli.builders.build_training.can_capture", lambda device, precision: can_capture)
    experiment = config.load("mlp", ["data.name=synthetic", "data.batch_size=50", f"train.cuda_graphs={word}"])
    training = build_training(experiment, small_splits, choose_runtime(device="cpu"))
    assert (training.task.graph_cache is not None) is expected


def test_train_deterministic_alone_sets_torchs_flag(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", calls.append)
    assert cifar("train", "--config", "small.yaml", "--dry-run").code == 0
    assert calls == []
    assert cifar("train", "--config", "small.yaml", "--dry-run", "train.deterministic=true").code == 0
    assert calls == [True]

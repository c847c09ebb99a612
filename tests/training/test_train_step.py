"""The parts of a large batch held against the batch as a whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.builders.build_training import Training, build_training
from cifar_cli.config import load_text
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.training.loop import fit
from cifar_cli.training.runtime import CPU

# 500 images: seven batches of 70, and one of 10. No BatchNorm, and no dropout, which draws for each part.
CONFIG = """\
data: {name: synthetic, batch_size: 70, val_size: 100, augment: {flip: random}, hard_example_fractions: [1]}
model: {name: mlp, hidden: [8]}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
schedule: {name: cosine, warmup_epochs: 0.5}
average: {name: ema, decay: 0.9}
train: {epochs: 1, device: cpu, precision: fp32}
"""
VARIANTS = {
    "plain": [],
    "clipped": ["train.clip_grad_norm=0.1"],
    "mixed": ["data.augment.mixup=1.0", "loss.label_smoothing=0.1"],
    "weighted": ["loss.class_weights=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "loss.label_smoothing=0.1"],
    "focal": ["loss={name: focal, class_weights: balanced}"],
}


def train(splits: Splits, words: list[str], recorder: Any) -> tuple[Training, list[int]]:
    """Trains, and returns the training and the number of images in each call of the network."""
    training = build_training(load_text(CONFIG, location="parts.yaml", overrides=words), splits, CPU)
    sizes: list[int] = []
    hook: Callable[[nn.Module, tuple[Tensor]], None] = lambda module, args: sizes.append(len(args[0]))  # noqa: E731
    handle = training.state.model.register_forward_pre_hook(hook)
    task = replace(training.task, validate=None)
    fit(training.state, task, runtime=CPU, observers=[recorder])
    handle.remove()
    return training, sizes


@pytest.mark.parametrize("words", VARIANTS.values(), ids=VARIANTS)
def test_a_batch_in_parts_trains_as_the_whole_batch(words: list[str], small_splits: Splits, recorder: Any) -> None:
    whole, whole_sizes = train(small_splits, words, recorder)
    parts, part_sizes = train(small_splits, [*words, "train.micro_batch_size=32"], recorder)
    assert whole_sizes == [70] * 7 + [10]
    assert part_sizes == [24, 23, 23] * 7 + [10]
    state, twin = parts.state, whole.state
    assert (state.progress, state.scheduler.last_epoch) == (twin.progress, twin.scheduler.last_epoch)
    for found, expected in ((state.state_dict()["model"], twin.state_dict()["model"]),):
        for name, weights in expected.items():
            torch.testing.assert_close(found[name], weights, rtol=1e-4, atol=1e-6, msg=name)
    assert state.hard_examples is not None
    assert twin.hard_examples is not None
    torch.testing.assert_close(state.hard_examples.losses, twin.hard_examples.losses, rtol=1e-4, atol=1e-5)
    report, other = recorder.reports
    assert report.train_loss == pytest.approx(other.train_loss, rel=1e-5)
    assert report.train_accuracy == other.train_accuracy


def test_gradients_are_exchanged_with_the_last_part_only(small_splits: Splits, recorder: Any) -> None:
    training = build_training(
        load_text(CONFIG, location="parts.yaml", overrides=["train.micro_batch_size=32"]), small_splits, CPU
    )
    events: list[str] = []

    @contextmanager
    def no_sync() -> Iterator[None]:
        events.append("kept")
        yield
        events.append("kept still")

    def forward(images: Tensor) -> Tensor:
        events.append(f"{len(images)} images")
        logits: Tensor = training.state.model(images)
        return logits

    task = replace(training.task, validate=None, forward=forward, no_sync=no_sync)
    fit(training.state, task, runtime=CPU)
    kept = ["kept", "24 images", "kept still", "kept", "23 images", "kept still"]
    assert events == [*kept, "23 images"] * 7 + ["10 images"]

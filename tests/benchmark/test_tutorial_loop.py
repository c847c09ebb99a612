"""The tutorials' loop: it reads images as torchvision does, and trains as the loop of `cifar train` does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10
from torchvision.transforms import ToTensor

from cifar_cli.benchmark.tutorial_loop import PictureDataset, tutorial_loop
from cifar_cli.benchmark.tutorial_transforms import tutorial_transform
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.normalize import to_unit
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import train_epoch


def test_the_dataset_returns_the_same_images_as_torchvisions(real_data: Path) -> None:
    theirs = CIFAR10(str(real_data), train=False, transform=ToTensor())
    images = torch.from_numpy(theirs.data).permute(0, 3, 1, 2)
    ours = PictureDataset(images, torch.tensor(theirs.targets), tutorial_transform(side=32))
    assert len(ours) == len(theirs) == 10_000
    for index in (0, 1, 9_999):
        assert torch.equal(ours[index][0], theirs[index][0])
        assert ours[index][1] == theirs[index][1]


def test_grey_images_keep_their_one_channel(make_images: Callable[..., ImageSet]) -> None:
    grey = make_images(3, shape=(1, 8, 8))
    dataset = PictureDataset(grey.images, grey.labels, tutorial_transform(side=8))
    assert torch.equal(dataset[1][0], grey.images[1] / 255)


def test_the_losses_are_those_of_cifar_train_step_by_step_on_the_same_batches(
    tiny_training: Callable[..., Any],
) -> None:
    chosen = {"optimizer_arguments": {"momentum": 0.9, "nesterov": True}, "schedule": "cosine"}
    training, peer = tiny_training(**chosen), tiny_training(**chosen).state
    training.state.model.dropout.p = peer.model.dropout.p = 0.0
    losses: list[float] = []

    def recorded(logits: Tensor, labels: Tensor, *, reduction: str = "mean") -> Tensor:
        loss = training.task.loss(logits, labels, reduction=reduction)
        losses.append(loss.item())
        return loss

    task = replace(
        training.task, transform=lambda batch, _: replace(batch, images=to_unit(batch.images)), loss=recorded
    )
    train_epoch(training.state, task, runtime=training.runtime, observers=(), shutdown=ShutdownRequest())

    dataset = PictureDataset(training.images.images, training.images.labels, tutorial_transform(side=8))
    batches = [batch.tolist() for batch in training.task.loader.batch_sampler]
    theirs = tutorial_loop(
        DataLoader(dataset, batch_sampler=batches),
        model=peer.model,
        loss_fn=training.task.loss,
        optimizer=peer.optimizer,
        scheduler=peer.scheduler,
        device=torch.device("cpu"),
        steps=4,
    )
    assert len(theirs) == 4
    assert theirs == pytest.approx(losses, rel=1e-5)
    assert losses[0] != pytest.approx(losses[-1], rel=1e-2)  # the weights have changed in between
    for ours, other in zip(training.state.model.parameters(), peer.model.parameters(), strict=True):
        assert torch.allclose(ours, other, atol=1e-6)


def test_the_loop_stops_after_the_given_number_of_steps(tiny_training: Callable[..., Any]) -> None:
    training = tiny_training()
    dataset = PictureDataset(training.images.images, training.images.labels, tutorial_transform(side=8))
    state = training.state
    losses = tutorial_loop(
        DataLoader(dataset, batch_size=4, shuffle=True),
        model=state.model,
        loss_fn=training.task.loss,
        optimizer=state.optimizer,
        scheduler=state.scheduler,
        device=torch.device("cpu"),
        steps=2,
    )
    assert len(losses) == 2
    assert state.scheduler.last_epoch == 2

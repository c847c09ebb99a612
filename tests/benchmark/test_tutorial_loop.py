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

from cifar_cli.benchmark.tutorial_loop import PictureDataset, tutorial_loop, tutorial_transform
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.normalize import to_unit
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import train_epoch


def test_the_dataset_returns_the_same_images_as_torchvisions(real_data: Path) -> None:
    theirs = CIFAR10(str(real_data), train=False, transform=ToTensor())
    images = torch.from_numpy(theirs.data).permute(0, 3, 1, 2)
    ours = PictureDataset(images, torch.tensor(theirs.targets), tutorial_transform(size=32))
    assert len(ours) == len(theirs) == 10_000
    for index in (0, 1, 9_999):
        assert torch.equal(ours[index][0], theirs[index][0])
        assert ours[index][1] == theirs[index][1]


def test_grey_images_keep_their_one_channel(make_images: Callable[..., ImageSet]) -> None:
    grey = make_images(3, shape=(1, 8, 8))
    dataset = PictureDataset(grey.images, grey.labels, tutorial_transform(size=8))
    assert torch.equal(dataset[1][0], grey.images[1] / 255)


def picture(dataset_images: Tensor, **chosen: Any) -> Tensor:
    return PictureDataset(dataset_images, torch.zeros(1).long(), tutorial_transform(size=8, **chosen))[0][0]


@pytest.fixture
def image(make_images: Callable[..., ImageSet]) -> Tensor:
    torch.manual_seed(0)
    return make_images(1).images


def test_normalizing_subtracts_the_mean_and_divides_by_the_deviation(image: Tensor) -> None:
    found = picture(image, normalize=((0.5, 0.4, 0.3), (0.2, 0.25, 0.5)))
    assert torch.allclose(found[1], (image[0, 1] / 255 - 0.4) / 0.25)


def test_a_flip_leaves_or_mirrors_the_image(image: Tensor) -> None:
    plain = image[0] / 255
    found = [picture(image, flip=True) for _ in range(20)]
    mirrored = [torch.equal(one, plain.flip(-1)) for one in found]
    assert all(torch.equal(one, plain) or is_mirrored for one, is_mirrored in zip(found, mirrored, strict=True))
    assert 0 < sum(mirrored) < 20


def test_a_translation_cuts_the_image_out_of_its_reflection(image: Tensor) -> None:
    padded = torch.nn.functional.pad(image / 255, (2, 2, 2, 2), mode="reflect")[0]
    crops = [padded[:, top : top + 8, left : left + 8] for top in range(5) for left in range(5)]
    chosen = {
        next(index for index, crop in enumerate(crops) if torch.equal(crop, found))
        for found in (picture(image, translate=2) for _ in range(20))
    }
    assert len(chosen) > 5


def test_a_cutout_erases_a_square_of_that_side() -> None:
    white = torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    torch.manual_seed(0)
    erased = picture(white, cutout=3) == 0
    assert erased.sum(dim=(1, 2)).tolist() == [9, 9, 9]


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

    dataset = PictureDataset(training.images.images, training.images.labels, tutorial_transform(size=8))
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
    dataset = PictureDataset(training.images.images, training.images.labels, tutorial_transform(size=8))
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

"""A batch: its length, the labels of both target types, and the copy on another device."""

import torch

from cifar_cli.data.batch import Batch


def batch_of(targets: torch.Tensor) -> Batch:
    return Batch(torch.zeros(len(targets), 3, 4, 4, dtype=torch.uint8), targets, torch.arange(len(targets)), epoch=2)


def test_the_length_of_a_batch_is_its_number_of_images() -> None:
    assert len(batch_of(torch.tensor([7, 0, 9]))) == 3


def test_integer_targets_are_the_labels() -> None:
    assert batch_of(torch.tensor([7, 0, 9])).labels.tolist() == [7, 0, 9]


def test_the_label_of_class_probabilities_is_the_most_probable_class() -> None:
    mixed = torch.tensor([[0.2, 0.7, 0.1], [0.0, 0.4, 0.6]])
    assert batch_of(mixed).labels.tolist() == [1, 2]
    assert batch_of(mixed).labels.dtype == torch.int64


def test_a_batch_on_another_device_has_all_its_tensors_there_and_the_same_epoch() -> None:
    meta = torch.device("meta")
    batch = batch_of(torch.tensor([7, 0, 9]))
    moved = batch.to(meta)
    assert {moved.images.device, moved.targets.device, moved.indices.device} == {meta}
    assert (moved.images.dtype, moved.targets.shape, moved.epoch) == (torch.uint8, (3,), 2)
    assert batch.images.device.type == "cpu"


def test_a_batch_on_its_own_device_is_equal() -> None:
    batch = batch_of(torch.tensor([7, 0, 9]))
    same = batch.to(torch.device("cpu"))
    assert torch.equal(same.targets, batch.targets)
    assert same.indices.tolist() == [0, 1, 2]

"""The validation split: the number of images of each class, and independence from random numbers."""

import pytest
import torch

from cifar_cli.data.split import stratified_split
from cifar_cli.errors import UsageError


def test_split_is_stratified_exactly_where_that_is_possible():
    labels = torch.randperm(1000, generator=torch.Generator().manual_seed(0)) % 10
    train, val = stratified_split(labels, val_size=100, num_classes=10)
    assert torch.bincount(labels[val]).tolist() == [10] * 10
    assert torch.bincount(labels[train]).tolist() == [90] * 10


@pytest.mark.parametrize("val_size", [1, 7, 33, 99, 101, 999])
def test_every_image_is_in_one_part_and_no_class_is_off_by_one_image_or_more(val_size: int):
    labels = torch.randint(7, (1000,), generator=torch.Generator().manual_seed(1))
    train, val = stratified_split(labels, val_size=val_size, num_classes=7)
    assert len(val) == val_size
    assert sorted([*train.tolist(), *val.tolist()]) == list(range(1000))
    exact_share = torch.bincount(labels, minlength=7) * val_size / 1000
    assert (torch.bincount(labels[val], minlength=7) - exact_share).abs().max() < 1


def test_split_by_hand():
    labels = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])
    train, val = stratified_split(labels, val_size=4, num_classes=2)
    assert val.tolist() == [0, 1, 4, 5]  # the first and the third of each class's four
    assert train.tolist() == [2, 3, 6, 7]


def test_split_draws_nothing_from_the_global_generator():
    state = torch.get_rng_state()
    stratified_split(torch.arange(100) % 10, val_size=20, num_classes=10)
    assert torch.equal(torch.get_rng_state(), state)


def test_class_without_images_gives_none():
    _, val = stratified_split(torch.tensor([0, 2, 0, 2]), val_size=2, num_classes=3)
    assert val.tolist() == [0, 1]


@pytest.mark.parametrize("val_size", [-1, 100, 60_000])
def test_val_size_that_leaves_nothing_to_train_on_is_refused(val_size: int):
    with pytest.raises(UsageError) as caught:
        stratified_split(torch.arange(100) % 10, val_size=val_size, num_classes=10)
    assert str(caught.value) == (
        f"data.val_size: expected 0 to 99 of the 100 training images, found {val_size}; write for example 10"
    )


@pytest.mark.parametrize(
    ("counts", "val_size", "quotas"),
    [
        ([5, 3, 2], 7, [4, 2, 1]),  # 3.5, 2.1, 1.4: the one image left over goes to the largest remainder
        ([2, 3, 5], 7, [1, 2, 4]),
        ([7, 7, 6], 11, [4, 4, 3]),  # 3.85, 3.85, 3.3: two are left over
        ([10, 3, 7], 6, [3, 1, 2]),  # 3.0, 0.9, 2.1: not to the largest class
        ([2, 2, 2], 2, [1, 1, 0]),  # of equal remainders, the first classes
        ([4, 4], 4, [2, 2]),
    ],
)
def test_images_left_over_go_to_the_largest_remainders(counts: list[int], val_size: int, quotas: list[int]):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    _, val = stratified_split(labels, val_size=val_size, num_classes=len(counts))
    assert torch.bincount(labels[val], minlength=len(counts)).tolist() == quotas


def test_images_held_out_are_spread_over_their_class():
    _, val = stratified_split(torch.zeros(10, dtype=torch.int64), val_size=3, num_classes=1)
    assert val.tolist() == [0, 3, 6]  # 10 · (0, 1, 2) / 3, rounded down

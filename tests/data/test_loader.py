"""The loader: every image once per epoch, orders that depend on seed and epoch only, and epochs resumed midway."""

import pytest
import torch
from torch.utils.data import DataLoader

from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import BatchLoader, EpochBatches


def numbered(size: int) -> ImageSet:
    """A set whose images and labels both say which image they are."""
    labels = torch.arange(size)
    images = labels.to(torch.uint8).view(-1, 1, 1, 1).expand(size, 3, 2, 2).contiguous()
    return ImageSet("numbered", images, labels, tuple(map(str, range(size))))


def labels_of(loader: DataLoader) -> list[list[int]]:
    return [batch.targets.tolist() for batch in loader]


def test_unshuffled_batches_come_in_order_and_the_last_is_what_is_left():
    loader = BatchLoader(numbered(10), batch_size=4)
    assert isinstance(loader, DataLoader)
    assert labels_of(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3


def test_drop_last_leaves_out_the_incomplete_batch():
    loader = BatchLoader(numbered(10), batch_size=4, drop_last=True)
    assert labels_of(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(loader) == 2


@pytest.mark.parametrize("shuffle", [False, True])
def test_images_stay_with_their_labels_in_ready_tensors(shuffle: bool):
    loader = BatchLoader(numbered(100), batch_size=32, shuffle=shuffle)
    loader.set_epoch(3)
    for batch in loader:
        assert (batch.images.dtype, batch.targets.dtype) == (torch.uint8, torch.int64)
        assert batch.images.shape == (len(batch), 3, 2, 2)
        assert torch.equal(batch.images[:, 0, 0, 0].long(), batch.targets)
        assert torch.equal(batch.indices, batch.targets)
        assert batch.epoch == 3


def test_unshuffled_batches_are_views_of_the_set_and_not_copies():
    image_set = numbered(10)
    first, *_ = BatchLoader(image_set, batch_size=4)
    assert first.images.data_ptr() == image_set.images.data_ptr()


def test_shuffled_epoch_has_every_image_once():
    loader = BatchLoader(numbered(100), batch_size=32, shuffle=True)
    order = [label for batch in labels_of(loader) for label in batch]
    assert sorted(order) == list(range(100))
    assert order != list(range(100))


def test_order_depends_on_seed_and_epoch_and_on_nothing_else():
    def order(seed: int, epoch: int) -> list[list[int]]:
        loader = BatchLoader(numbered(100), batch_size=32, shuffle=True, seed=seed)
        loader.set_epoch(epoch)
        torch.rand(epoch + 3)  # what others draw does not matter
        return labels_of(loader)

    orders = {(seed, epoch): order(seed, epoch) for seed in range(3) for epoch in range(3)}
    assert len({str(batches) for batches in orders.values()}) == 9
    assert all(order(*key) == batches for key, batches in orders.items())


def test_iterating_draws_nothing_from_the_global_generator():
    state = torch.get_rng_state()
    labels_of(BatchLoader(numbered(10), batch_size=4, shuffle=True))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("first_batch", [0, 1, 3, 4])
def test_epoch_continued_at_a_batch_is_the_rest_of_the_uninterrupted_epoch(shuffle: bool, first_batch: int):
    loader = BatchLoader(numbered(100), batch_size=32, shuffle=shuffle, seed=5)
    loader.set_epoch(2)
    uninterrupted = labels_of(loader)
    loader.set_epoch(2, first_batch=first_batch)
    assert labels_of(loader) == uninterrupted[first_batch:]
    assert len(loader) == 4  # an epoch's batches, wherever this one begins
    loader.set_epoch(2)
    assert labels_of(loader) == uninterrupted


def test_sampler_yields_tensors_of_indices_and_slices_but_no_lists():
    options = {"batch_size": 3, "seed": 0, "drop_last": False, "device": torch.device("cpu")}
    assert all(isinstance(batch, torch.Tensor) for batch in EpochBatches(10, shuffle=True, **options))
    assert list(EpochBatches(5, shuffle=False, **options)) == [slice(0, 3), slice(3, 5)]

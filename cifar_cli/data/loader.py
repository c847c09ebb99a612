"""Loads an image set in batches; one indexing operation makes a whole batch."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from cifar_cli.data.batch import Batch
from cifar_cli.data.hard_examples import HardExamples
from cifar_cli.data.image_set import ImageSet

T = TypeVar("T")
BatchIndex = Tensor | slice


class WholeBatches(Dataset[Batch]):
    """An image set as the dataset of a DataLoader, indexed by whole batches. epoch: the epoch of the batches."""

    def __init__(self, image_set: ImageSet) -> None:
        self.image_set = image_set
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.image_set)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__(slice(index, index + 1))

    def __getitems__(self, indices: BatchIndex) -> Batch:
        """Returns a batch of uint8 images (B, C, H, W). For a slice, its tensors are views and must not be changed."""
        images, labels = self.image_set.images, self.image_set.labels
        if isinstance(indices, slice):
            numbers = torch.arange(indices.start, indices.stop, device=labels.device)
            return Batch(images[indices], labels[indices], numbers, self.epoch)
        # On a CPU, index_select copies whole images at once; indexing by a tensor copies pixel by pixel.
        return Batch(images.index_select(0, indices), labels.index_select(0, indices), indices, self.epoch)


class EpochBatches(Sampler[BatchIndex]):
    """Yields the indices of each batch of an epoch.

    The order of an epoch depends only on the seed and the epoch's number, so any epoch can be repeated from any batch.
    With hard examples, an epoch holds a subset of the images.
    """

    def __init__(
        self,
        size: int,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        drop_last: bool,
        device: torch.device,
        hard_examples: HardExamples | None = None,
    ):
        self.size = size
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.device = device
        self.hard_examples = hard_examples
        self.set_epoch(0)

    def set_epoch(self, epoch: int, *, first_batch: int = 0) -> None:
        """Sets the epoch of the next iteration, which starts at `first_batch` (counted from 0)."""
        self.epoch = epoch
        self.first_batch = first_batch
        if self.hard_examples and first_batch == 0:  # the selection does not change within an epoch
            self.hard_examples.select(epoch)

    def batches_in(self, epoch: int) -> int:
        """Returns the number of batches in a whole epoch."""
        images = self.hard_examples.images_in(epoch) if self.hard_examples else self.size
        return images // self.batch_size if self.drop_last else -(-images // self.batch_size)

    def __len__(self) -> int:
        """Returns the number of batches in the whole current epoch."""
        return self.batches_in(self.epoch)

    def __iter__(self) -> Iterator[BatchIndex]:
        order = self._order()
        images = self.size if order is None else len(order)
        for batch in range(self.first_batch, len(self)):
            span = slice(batch * self.batch_size, min((batch + 1) * self.batch_size, images))
            yield span if order is None else order[span]

    def _order(self) -> Tensor | None:
        """Returns the indices of the epoch's images in their order; None means all images in the set's order."""
        if self.hard_examples is None:
            return self._shuffled() if self.shuffle else None
        order = self._shuffled() if self.shuffle else torch.arange(self.size, device=self.device)
        return order[self.hard_examples.is_selected[order]]

    def _shuffled(self) -> Tensor:
        # SeedSequence mixes both numbers: with their sum, seed 0 in epoch 1 would repeat seed 1 in epoch 0.
        mixed = int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1, np.uint64)[0])
        generator = torch.Generator().manual_seed(mixed >> 1)
        return torch.randperm(self.size, generator=generator).to(self.device)


class BatchLoader(DataLoader[Batch]):
    """A DataLoader over whole batches, on the device of the set's tensors. Each epoch has its own order."""

    def __init__(
        self,
        image_set: ImageSet,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        hard_examples: HardExamples | None = None,
    ) -> None:
        self.batches = EpochBatches(
            len(image_set),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            device=image_set.images.device,
            hard_examples=hard_examples,
        )
        self.hard_examples = hard_examples
        self.whole_batches = WholeBatches(image_set)
        super().__init__(
            self.whole_batches,
            batch_sampler=self.batches,  # type: ignore[arg-type]  # typed for lists of single indices
            collate_fn=_identity,
            # Without its own generator, a DataLoader draws a number from torch's global generator at each iteration.
            generator=torch.Generator(),
        )

    def set_epoch(self, epoch: int, *, first_batch: int = 0) -> None:
        """Sets the epoch of the next iteration, which starts at `first_batch` (counted from 0)."""
        self.whole_batches.epoch = epoch
        self.batches.set_epoch(epoch, first_batch=first_batch)

    def batches_in(self, epoch: int) -> int:
        """Returns the number of batches in a whole epoch."""
        return self.batches.batches_in(epoch)


def _identity(batch: T) -> T:
    return batch

"""Changes batches of training images at random, on whatever device they are. Knows nothing of datasets or labels.

Each augmentation has two parts: one draws what is to happen to each image, the other makes it happen and could be
checked with pencil and paper. Images are uint8 (B, C, H, W) throughout and are never changed in place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


def random_flip(images: Tensor, *, generator: Generator) -> Tensor:
    """Mirrors each image left to right with probability one half."""
    return flip_where(images, _draw(2, images, generator=generator) == 1)


def flip_once(images: Tensor, *, seed: int) -> Tensor:
    """Mirrors each image with probability one half, as `seed` says: the beginning of an alternating flip."""
    return flip_where(images, _draw(2, images, generator=Generator().manual_seed(seed)) == 1)


def alternating_flip(images: Tensor, *, epoch: int) -> Tensor:
    """Mirrors all images in every second epoch, so that two epochs show each image both ways.

    The training set is flipped once by `flip_once` before. A random flip shows half of the images the same way twice in
    a row. Source: Jordan, arXiv:2404.00498, section 3.6. epoch counts from 0.
    """
    return images.flip(-1) if epoch % 2 else images


def random_translate(images: Tensor, pixels: int, *, generator: Generator) -> Tensor:
    """Moves each image by up to `pixels` in both directions; what comes in at the border is its mirror image.

    This is the usual "pad by reflection, then crop at random". `pixels` is less than the images' height and width.
    """
    down = _draw(2 * pixels + 1, images, generator=generator)
    right = _draw(2 * pixels + 1, images, generator=generator)
    return crop_padded(images, top=down, left=right, pixels=pixels)


def random_cutout(images: Tensor, size: int, *, fill: Sequence[int], generator: Generator) -> Tensor:
    """Paints a `size` × `size` square in the colour `fill` over each image, centred on any of its pixels.

    Near the border part of the square lies outside (DeVries & Taylor 2017, arXiv:1708.04552).
    fill: a value in [0, 255] per channel; the training set's mean hides least about where the square is.
    """
    height, width = images.shape[-2:]
    center_y = _draw(height, images, generator=generator)
    center_x = _draw(width, images, generator=generator)
    return erase(images, center_y=center_y, center_x=center_x, size=size, fill=fill)


def flip_where(images: Tensor, mask: Tensor) -> Tensor:
    """Mirrors the images where `mask`, bool (B,), is true."""
    return torch.where(mask.view(-1, 1, 1, 1), images.flip(-1), images)


def crop_padded(images: Tensor, *, top: Tensor, left: Tensor, pixels: int) -> Tensor:
    """Pads by reflection and cuts the original size out again, each image at its own corner.

    top, left: int64 (B,) in [0, 2·pixels]; both equal to `pixels` gives the image back.
    """
    height, width = images.shape[-2:]
    padded = _pad_by_reflection(images, pixels)  # (B, C, H + 2p, W + 2p)
    # All crops there are, as overlapping views of the same memory; only the chosen ones are then copied.
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, 2p + 1, 2p + 1, H, W)
    return crops[torch.arange(len(images), device=images.device), :, top, left]


def erase(images: Tensor, *, center_y: Tensor, center_x: Tensor, size: int, fill: Sequence[int]) -> Tensor:
    """Paints a square over each image: rows center_y − size // 2 and the `size` − 1 below, columns likewise.

    center_y, center_x: int64 (B,).
    """
    height, width = images.shape[-2:]
    rows = _covered(height, start=center_y - size // 2, size=size)  # (B, H)
    columns = _covered(width, start=center_x - size // 2, size=size)  # (B, W)
    covered = rows[:, :, None] & columns[:, None, :]  # (B, H, W)
    painted = images.clone()
    for channel, value in enumerate(fill):  # as plain numbers: a tensor of them would have to be taken to the device
        painted[:, channel].masked_fill_(covered, value)
    return painted


@dataclass(frozen=True)
class Augment:
    """The chosen augmentations as one callable. translate, cutout: pixels, 0 for none; fill: cutout's colour.

    flip: `random`, or `alternating` where the images have been through `flip_once`.
    """

    flip: str | None = None
    translate: int = 0
    cutout: int = 0
    fill: tuple[int, ...] = ()

    def __call__(self, images: Tensor, generator: Generator, *, epoch: int) -> Tensor:
        if self.flip == "random":
            images = random_flip(images, generator=generator)
        if self.flip == "alternating":
            images = alternating_flip(images, epoch=epoch)
        if self.translate:
            images = random_translate(images, self.translate, generator=generator)
        if self.cutout:  # last, so that the square is neither moved nor mirrored
            images = random_cutout(images, self.cutout, fill=self.fill, generator=generator)
        return images


def _draw(high: int, images: Tensor, *, generator: Generator) -> Tensor:
    """Draws an integer in [0, high) for each image, where the generator lives, and takes them to the images."""
    numbers = torch.randint(high, (len(images),), generator=generator, device=generator.device)
    # A copy that blocks would have the program wait until the GPU has done all steps that it was given before. On MPS
    # one that does not block may read memory that is freed already (pytorch issue 189690).
    return numbers.to(images.device, non_blocking=images.device.type != "mps")


def _pad_by_reflection(images: Tensor, pixels: int) -> Tensor:
    """(B, C, H, W) → (B, C, H + 2·pixels, W + 2·pixels)."""
    # By hand, because torch's reflection padding takes uint8 on some devices only.
    for dimension in (2, 3):
        size = images.shape[dimension]
        before = images.narrow(dimension, 1, pixels).flip(dimension)
        after = images.narrow(dimension, size - 1 - pixels, pixels).flip(dimension)
        images = torch.cat((before, images, after), dimension)
    return images


def _covered(length: int, *, start: Tensor, size: int) -> Tensor:
    """Says for each position along an axis whether it is in [start, start + size). start: (B,) → bool (B, length)."""
    positions = torch.arange(length, device=start.device)
    return (positions >= start[:, None]) & (positions < start[:, None] + size)

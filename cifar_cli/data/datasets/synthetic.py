"""Draws the synthetic set: ten classes of shapes in CIFAR-10's format, for a first run without a network and for tests.

Each image has one shape of random position, size, angle and colour, on a shaded background with small discs and noise.
All arithmetic is on integers (and exact square roots), so every machine draws the same images to the bit.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.image_set import ImageSet

Ints = npt.NDArray[np.int32]
Pixels = npt.NDArray[np.int16]  # colours, which may lie outside of 0 to 255 until the end; half the memory to move

SIDE = 32  # pixels, as CIFAR-10
UNIT = 64  # lengths are in 1/64 pixel

# Each shape is a signed distance in units, negative inside and positive outside: max is "and", min is "or".
# u, v: pixels in the shape's rotated coordinates, (N, 32, 32); r: its size, (N, 1, 1). All shapes lie within 5/4 r.


def circle(u: Ints, v: Ints, r: Ints) -> Ints:
    return _length(u, v) - r


def ring(u: Ints, v: Ints, r: Ints) -> Ints:
    from_rim: Ints = np.abs(_length(u, v) - r * 13 // 16)
    return from_rim - r * 3 // 16


def square(u: Ints, v: Ints, r: Ints) -> Ints:
    return _box(u, v, r * 13 // 16, r * 13 // 16)


def frame(u: Ints, v: Ints, r: Ints) -> Ints:
    from_rim: Ints = np.abs(_box(u, v, r * 11 // 16, r * 11 // 16))
    return from_rim - r * 3 // 16


def triangle(u: Ints, v: Ints, r: Ints) -> Ints:
    outermost: Ints = np.maximum.reduce([_along(u, v, degrees) for degrees in (90, 210, 330)])
    return outermost - r // 2


def cross(u: Ints, v: Ints, r: Ints) -> Ints:
    return np.minimum(_box(u, v, r, r // 4), _box(u, v, r // 4, r))


def star(u: Ints, v: Ints, r: Ints) -> Ints:
    # A pentagram is where at least four of a pentagon's five half-planes overlap.
    sides = np.stack([_along(u, v, degrees) for degrees in (54, 126, 198, 270, 342)])
    second_largest: Ints = np.partition(sides, 3, axis=0)[3]
    return second_largest - r * 5 // 13  # cos 72° = 0.309 of the distance of its points, which is 5/4 r


def crescent(u: Ints, v: Ints, r: Ints) -> Ints:
    return np.maximum(circle(u, v, r), -circle(u - r // 2, v, r * 13 // 16))


def bar(u: Ints, v: Ints, r: Ints) -> Ints:
    return _box(u, v, r, r // 4)


def hourglass(u: Ints, v: Ints, r: Ints) -> Ints:
    to_flank: Ints = (np.abs(u) * 4 - np.abs(v) * 3 - UNIT * 4) // 5
    return np.maximum(np.abs(v) - r * 7 // 8, to_flank)


SHAPES: dict[str, Callable[[Ints, Ints, Ints], Ints]] = {
    "circle": circle,
    "ring": ring,
    "square": square,
    "frame": frame,
    "triangle": triangle,
    "cross": cross,
    "star": star,
    "crescent": crescent,
    "bar": bar,
    "hourglass": hourglass,
}


def synthetic_sets(*, train_size: int = 10_000, test_size: int = 2_000) -> tuple[ImageSet, ImageSet]:
    """Returns the training and the test set: images uint8 (N, 3, 32, 32), labels int64 (N,), classes balanced."""
    return draw_shapes(train_size, seed=1), draw_shapes(test_size, seed=2)


def draw_shapes(size: int, *, seed: int) -> ImageSet:
    """Returns `size` images of shapes, which depend on the seed only."""
    # RandomState, not Generator: NumPy guarantees that the numbers of RandomState never change (NEP 19).
    random = np.random.RandomState(seed)
    labels = random.permutation(np.arange(size) % len(SHAPES))
    # 250 images at a time fit into the processor's cache.
    chunks = [_draw_chunk(labels[start : start + 250], random) for start in range(0, size, 250)]
    images = torch.from_numpy(np.concatenate(chunks))
    return ImageSet("synthetic", images, torch.from_numpy(labels.astype(np.int64)), tuple(SHAPES))


def _draw_chunk(labels: npt.NDArray[np.int64], random: np.random.RandomState) -> npt.NDArray[np.uint8]:
    """Returns an image for each label: uint8 (N, 3, 32, 32)."""
    count = len(labels)
    base = _integers(random, 0, 256, count, 3)
    images = _shaded_background(base, random)
    for _ in range(2):  # distractors: small discs that belong to no class
        radius = _integers(random, 1 * UNIT, 3 * UNIT, count)
        center = _integers(random, 0, SIDE * UNIT, count, 2)
        _paint_disc(images, center, radius, _integers(random, 0, 256, count, 3))

    radius = _integers(random, 8 * UNIT, 25 * UNIT // 2, count)
    slack = (SIDE * UNIT // 2 - radius * 5 // 4)[:, None]  # the largest offset of a shape that stays inside the image
    center = SIDE * UNIT // 2 + _integers(random, -1024, 1025, count, 2) * slack // 1024
    u, v = _rotated(*_offsets(center), degrees=_integers(random, 0, 360, count))
    distance = np.empty_like(u)
    for label, shape in enumerate(SHAPES.values()):
        rows = labels == label
        distance[rows] = shape(u[rows], v[rows], radius[rows, None, None])
    images = _paint(images, distance, _contrasting(base, random))

    noise = random.randint(-12, 13, size=images.shape, dtype=np.int8)
    images += noise
    return images.clip(0, 255, out=images).astype(np.uint8)


def _shaded_background(base: Ints, random: np.random.RandomState) -> Pixels:
    """Returns backgrounds (N, 3, 32, 32) with a gradient around the colour `base`, (N, 3), in a random direction."""
    slope_y, slope_x = _integers(random, -40, 41, 2, len(base), 3, 1, 1).astype(np.int16)
    ramp = np.arange(SIDE, dtype=np.int16) - SIDE // 2
    shade: Pixels = slope_y * ramp[:, None] + slope_x * ramp
    shade >>= 5  # // SIDE
    shade += base.astype(np.int16)[:, :, None, None]
    return shade


def _contrasting(base: Ints, random: np.random.RandomState) -> Ints:
    """Returns random colours (N, 3), each at least 78 away from `base` in at least one channel."""
    colours = _integers(random, 0, 256, *base.shape)
    rows, channel = np.arange(len(base)), _integers(random, 0, 3, len(base))
    colours[rows, channel] = (base[rows, channel] + _integers(random, 78, 179, len(base))) % 256
    return colours


def _paint(images: Pixels, distance: Ints, colours: Ints) -> Pixels:
    """Paints where `distance`, (N, 32, 32), is negative; pixels on the edge are mixed with the background."""
    coverage = np.clip(UNIT // 2 - distance, 0, UNIT).astype(np.int16)[:, None]
    step: Pixels = colours.astype(np.int16)[:, :, None, None] - images
    step *= coverage  # at most 336 · 64, which int16 holds
    step >>= 6  # // UNIT
    step += images
    return step


def _paint_disc(images: Pixels, center: Ints, radius: Ints, colours: Ints) -> None:
    """Paints discs of less than 3 pixels' radius into the images, within the 7 × 7 pixels that they can touch."""
    # A pixel beyond the image stands for the nearest one inside, which is then painted several times from one original.
    pixels = (center[:, :, None] // UNIT + np.arange(-3, 4, dtype=np.int32)).clip(0, SIDE - 1)  # (N, 2, 7)
    offsets = pixels * UNIT + UNIT // 2 - center[:, :, None]
    distance = circle(offsets[:, 1, None, :], offsets[:, 0, :, None], radius[:, None, None])  # (N, 7, 7)
    image, channel = np.arange(len(images))[:, None, None, None], np.arange(3)[:, None, None]
    window = image, channel, pixels[:, 0, None, :, None], pixels[:, 1, None, None, :]  # (N, 3, 7, 7)
    images[window] = _paint(images[window], distance, colours)


def _offsets(center: Ints) -> tuple[Ints, Ints]:
    """Returns the offset of each pixel's middle from `center`, (N, 2), down and right: two arrays (N, 32, 32)."""
    middles = np.arange(SIDE, dtype=np.int32) * UNIT + UNIT // 2
    dy, dx = middles - center[:, :1], middles - center[:, 1:]
    shape = (len(center), SIDE, SIDE)
    return np.broadcast_to(dy[:, :, None], shape), np.broadcast_to(dx[:, None, :], shape)


def _rotated(dy: Ints, dx: Ints, *, degrees: Ints) -> tuple[Ints, Ints]:
    cos, sin = _COS[degrees, None, None], _SIN[degrees, None, None]
    return (cos * dx + sin * dy) >> 10, (cos * dy - sin * dx) >> 10  # // 1024


def _along(u: Ints, v: Ints, degrees: int) -> Ints:
    """Returns the coordinate of each pixel along the direction `degrees`."""
    along: Ints = (_COS[degrees] * u + _SIN[degrees] * v) >> 10  # // 1024
    return along


def _box(u: Ints, v: Ints, half_width: Ints, half_height: Ints) -> Ints:
    outside: Ints = np.maximum(np.abs(u) - half_width, np.abs(v) - half_height)
    return outside


def _length(u: Ints, v: Ints) -> Ints:
    length: Ints = np.sqrt((u * u + v * v).astype(np.float64)).astype(np.int32)
    return length


def _integers(random: np.random.RandomState, low: int, high: int, *shape: int) -> Ints:
    numbers: Ints = random.randint(low, high, size=shape, dtype=np.int32)
    return numbers


# In 1/1024, rounded, so that machines with slightly different cosines agree.
_COS: Ints = np.array([round(1024 * math.cos(math.radians(degrees))) for degrees in range(360)], dtype=np.int32)
_SIN: Ints = np.array([round(1024 * math.sin(math.radians(degrees))) for degrees in range(360)], dtype=np.int32)

SYNTHETIC = DatasetSource(read=lambda root: synthetic_sets())

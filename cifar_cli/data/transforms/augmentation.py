"""What an entry of the table of augmentations holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from torch import Generator

    from cifar_cli.data.batch import Batch

    Transform: TypeAlias = Callable[[Batch, Generator], Batch]
else:
    Transform: TypeAlias = Callable


def _no_issue(value: Any, side: int) -> tuple[str, str] | None:
    return None


def _nothing_unused(value: Any) -> str | None:
    return None


def _no_sides(value: Any) -> Sequence[int]:
    return ()


@dataclass(frozen=True, eq=False)
class Augmentation:
    """One key of `data.augment`.

    target: `module:attribute`, called with the key's value and, where its signature names them, with `num_images`,
    `num_classes`, `mean` and `seed`; gives a Transform. value: the key's type, with its words. off: the value with
    which nothing is done. takes_normalized: whether images come normalized, as float32, instead of as uint8.
    unused_in_grey: for a value, what of it changes nothing in images with one channel, if anything does.
    issue: for a value and the side of the dataset's images, what is wrong, and the mend. new_sides: for a value that
    is a list, the sides in pixels that the images are resized to. example: a value for tests.
    """

    target: str
    value: Any
    off: Any
    example: Any
    takes_normalized: bool = False
    issue: Callable[[Any, int], tuple[str, str] | None] = _no_issue
    unused_in_grey: Callable[[Any], str | None] = _nothing_unused
    new_sides: Callable[[Any], Sequence[int]] = _no_sides

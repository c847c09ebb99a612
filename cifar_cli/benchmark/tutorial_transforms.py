"""The augmentations as torchvision's transforms of single images, as the tutorials write them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from PIL import Image
from torch import Tensor

Transform: TypeAlias = Callable[[Image.Image], Tensor]

# Each takes torchvision.transforms, whose import takes a second or more, the key's value and the side of the images.
ON_PIXELS: dict[str, Callable[[Any, Any, int], Callable[..., object]]] = {
    "flip": lambda transforms, mode, side: transforms.RandomHorizontalFlip(),  # alternating flips cost as much
    "translate": lambda transforms, pixels, side: transforms.RandomCrop(side, padding=pixels, padding_mode="reflect"),
    "crop_padding": lambda transforms, pixels, side: transforms.RandomCrop(side, padding=pixels),
    "trivial_augment": lambda transforms, is_on, side: transforms.TrivialAugmentWide(),
    "rand_augment": lambda transforms, value, side: transforms.RandAugment(*value),
    "auto_augment": lambda transforms, is_on, side: transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10),
    "rotation": lambda transforms, degrees, side: transforms.RandomRotation(degrees),
    "color_jitter": lambda transforms, strengths, side: transforms.ColorJitter(*strengths),
    "grayscale": lambda transforms, probability, side: transforms.RandomGrayscale(probability),
}
ON_INPUTS: dict[str, Callable[[Any, Any, int], Callable[..., object]]] = {
    # torchvision erases squares within the image only, whereas the program's also lie across the border.
    "cutout": lambda transforms, size, side: transforms.RandomErasing(1.0, 2 * ((size / side) ** 2,), (1.0, 1.0)),
    "random_erasing": lambda transforms, probability, side: transforms.RandomErasing(probability),
}


def tutorial_transform(
    augment: Mapping[str, Any] | None = None,
    *,
    side: int,
    normalize: tuple[Sequence[float], Sequence[float]] | None = None,
) -> Transform:
    """Returns torchvision's transforms for one image of `side` × `side` pixels, by default ToTensor alone.

    augment: the augmentations in their order, each with its value; those without a counterpart are left out.
    normalize: mean and standard deviation per channel, for pixels in [0, 1].
    """
    from torchvision import transforms  # type: ignore[import-untyped]

    augment = augment or {}
    steps = [ON_PIXELS[key](transforms, value, side) for key, value in augment.items() if key in ON_PIXELS]
    steps.append(transforms.ToTensor())
    if normalize is not None:
        steps.append(transforms.Normalize(*normalize))
    steps += [ON_INPUTS[key](transforms, value, side) for key, value in augment.items() if key in ON_INPUTS]
    composed: Transform = transforms.Compose(steps)
    return composed


def without_counterpart(augmentations: Iterable[str]) -> list[str]:
    """Returns the augmentations that torchvision has no transform of single images for."""
    return [key for key in augmentations if key not in ON_PIXELS and key not in ON_INPUTS]

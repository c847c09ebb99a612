"""The operations that RandAugment, TrivialAugment and AutoAugment choose from, by torchvision's names.

Each takes uint8 images (B, C, H, W) and the magnitude of each, float (B,), in torchvision's units.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cifar_cli.data.transforms import colour
from cifar_cli.data.transforms.affine import affine, rotation, shear_x, shear_y, translation
from cifar_cli.data.transforms.draw import to_device_of

Operation = Callable[[Tensor, Tensor], Tensor]

OPERATIONS: dict[str, Operation] = {
    "Identity": lambda images, magnitude: images,
    "ShearX": lambda images, magnitude: affine(images, shear_x(magnitude, height=images.shape[-2])),
    "ShearY": lambda images, magnitude: affine(images, shear_y(magnitude, width=images.shape[-1])),
    "TranslateX": lambda images, magnitude: affine(images, translation(magnitude.trunc(), 0 * magnitude)),
    "TranslateY": lambda images, magnitude: affine(images, translation(0 * magnitude, magnitude.trunc())),
    "Rotate": lambda images, magnitude: affine(images, rotation(magnitude)),
    "Brightness": lambda images, magnitude: colour.brightness(images, 1 + magnitude),
    "Color": lambda images, magnitude: colour.saturation(images, 1 + magnitude),
    "Contrast": lambda images, magnitude: colour.contrast(images, 1 + magnitude),
    "Sharpness": lambda images, magnitude: colour.sharpness(images, 1 + magnitude),
    "Posterize": lambda images, magnitude: colour.posterize(images, magnitude.round().long()),
    "Solarize": lambda images, magnitude: colour.solarize(images, 255 * magnitude),
    "AutoContrast": lambda images, magnitude: colour.autocontrast(images),
    "Equalize": lambda images, magnitude: colour.equalize(images),
    "Invert": lambda images, magnitude: 255 - images,
}


def apply_one_each(images: Tensor, operations: Sequence[Operation], *, numbers: Tensor, magnitudes: Tensor) -> Tensor:
    """Returns the images, each changed by one operation, its own.

    numbers: the operation of each image, int64 (B,); magnitudes: float (B,). Both are on the CPU, so that how many
    images an operation gets is known without waiting for the images' device.
    """
    order = numbers.argsort(stable=True)  # images of one operation side by side
    counts = numbers.bincount(minlength=len(operations)).tolist()
    sorted_images = images[to_device_of(images, order)].split(counts)
    sorted_magnitudes = to_device_of(images, magnitudes[order]).split(counts)
    changed = [
        operation(*group)
        for operation, *group in zip(operations, sorted_images, sorted_magnitudes, strict=True)
        if len(group[0])
    ]
    return torch.cat(changed)[to_device_of(images, order.argsort())]

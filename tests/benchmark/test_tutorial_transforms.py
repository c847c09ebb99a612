"""The tutorials' transforms: torchvision's, with the arguments that stand for the augmentations' values."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cifar_cli.benchmark.tutorial_loop import PictureDataset
from cifar_cli.benchmark.tutorial_transforms import tutorial_transform, without_counterpart
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.transforms.table import AUGMENTATIONS

WITH_COUNTERPART = [key for key in AUGMENTATIONS if key not in without_counterpart(AUGMENTATIONS)]


def picture(images: Tensor, normalize: Any = None, **augment: Any) -> Tensor:
    transform = tutorial_transform(augment, side=images.shape[-1], normalize=normalize)
    return PictureDataset(images, torch.zeros(1).long(), transform)[0][0]


@pytest.fixture
def image(make_images: Callable[..., ImageSet]) -> Tensor:
    torch.manual_seed(0)
    return make_images(1).images


def test_augmentations_are_torchvisions_in_order_before_and_after_the_normalization() -> None:
    augment = {
        "flip": "random",
        "translate": 2,
        "crop_padding": 4,
        "trivial_augment": True,
        "rand_augment": (3, 12),
        "auto_augment": True,
        "rotation": 15.0,
        "color_jitter": (0.4, 0.3, 0.2, 0.1),
        "grayscale": 0.25,
        "cutout": 8,
        "random_erasing": 0.5,
        "mixup": 0.2,
    }
    transform: Any = tutorial_transform(augment, side=32, normalize=((0.5,), (0.2,)))
    written = [
        repr(step).partition(", interpolation")[0].partition(", num_magnitude_bins")[0] for step in transform.transforms
    ]
    assert written == [
        "RandomHorizontalFlip(p=0.5)",
        "RandomCrop(size=(32, 32), padding=2)",
        "RandomCrop(size=(32, 32), padding=4)",
        "TrivialAugmentWide(num_magnitude_bins=31",
        "RandAugment(num_ops=3, magnitude=12",
        "AutoAugment(policy=AutoAugmentPolicy.CIFAR10, fill=None)",
        "RandomRotation(degrees=[-15.0, 15.0]",
        "ColorJitter(brightness=(0.6, 1.4), contrast=(0.7, 1.3), saturation=(0.8, 1.2), hue=(-0.1, 0.1))",
        "RandomGrayscale(p=0.25)",
        "ToTensor()",
        "Normalize(mean=(0.5,), std=(0.2,))",
        "RandomErasing(p=1.0, scale=(0.0625, 0.0625), ratio=(1.0, 1.0), value=0, inplace=False)",
        "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False)",
    ]


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28)])
@pytest.mark.parametrize("key", WITH_COUNTERPART)
def test_a_transform_keeps_the_shape_of_colour_and_grey_images(
    key: str, shape: tuple[int, int, int], make_images: Callable[..., ImageSet]
) -> None:
    images = make_images(1, shape=shape).images
    for _ in range(5):
        found = picture(images, **{key: AUGMENTATIONS[key].example})
        assert (found.shape, found.dtype) == (shape, torch.float32)


def test_mixing_and_sizes_have_no_counterpart_and_neither_has_an_unknown_one() -> None:
    mixing = ["sizes", "mixup", "cutmix", "mixup_or_cutmix"]
    assert without_counterpart(["flip", *mixing, "random_erasing", "new"]) == [*mixing, "new"]


def test_normalizing_subtracts_the_mean_and_divides_by_the_deviation(image: Tensor) -> None:
    found = picture(image, normalize=((0.5, 0.4, 0.3), (0.2, 0.25, 0.5)))
    assert torch.allclose(found[1], (image[0, 1] / 255 - 0.4) / 0.25)


def test_a_flip_leaves_or_mirrors_the_image(image: Tensor) -> None:
    plain = image[0] / 255
    found = [picture(image, flip="random") for _ in range(20)]
    mirrored = [torch.equal(one, plain.flip(-1)) for one in found]
    assert all(torch.equal(one, plain) or is_mirrored for one, is_mirrored in zip(found, mirrored, strict=True))
    assert 0 < sum(mirrored) < 20


def crops(image: Tensor, mode: str) -> list[Tensor]:
    side = image.shape[-1]
    padded = torch.nn.functional.pad(image / 255, (2, 2, 2, 2), mode=mode)[0]
    return [padded[:, top : top + side, left : left + side] for top in range(5) for left in range(5)]


@pytest.mark.parametrize(("key", "mode"), [("translate", "reflect"), ("crop_padding", "constant")])
def test_a_crop_is_cut_out_of_the_reflection_or_of_black_padding(key: str, mode: str, image: Tensor) -> None:
    chosen = {
        next(index for index, crop in enumerate(crops(image, mode)) if torch.equal(crop, found))
        for found in (picture(image, **{key: 2}) for _ in range(20))
    }
    assert len(chosen) > 5


def test_a_cutout_erases_a_square_of_that_side() -> None:
    white = torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    torch.manual_seed(0)
    erased = picture(white, cutout=3) == 0
    assert erased.sum(dim=(1, 2)).tolist() == [9, 9, 9]

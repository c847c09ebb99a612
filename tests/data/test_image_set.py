"""An image set: subsets in a given order, and the copy on another device."""

import pytest
import torch

from cifar_cli.data.image_set import ImageSet

IMAGES = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 3, 2, 2)
NUMBERED = ImageSet("numbered", IMAGES, torch.tensor([10, 11, 12, 13]), tuple("abcd"))


def test_a_subset_has_the_images_and_labels_of_its_indices_in_their_order() -> None:
    subset = NUMBERED.subset(torch.tensor([2, 0, 2]))
    assert len(subset) == 3
    assert subset.images[:, 0, 0, 0].tolist() == [2, 0, 2]
    assert subset.labels.tolist() == [12, 10, 12]
    assert (subset.name, subset.class_names) == ("numbered", ("a", "b", "c", "d"))


def test_a_set_on_another_device_has_both_tensors_there() -> None:
    moved = NUMBERED.to(torch.device("meta"))
    assert (moved.images.device.type, moved.labels.device.type, len(moved)) == ("meta", "meta", 4)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (IMAGES.float(), NUMBERED.labels),
        (IMAGES, NUMBERED.labels.int()),
        (IMAGES[:3], NUMBERED.labels),
    ],
    ids=["float images", "int32 labels", "fewer images than labels"],
)
def test_wrong_types_and_lengths_are_bugs(images: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(AssertionError):
        ImageSet("wrong", images, labels, tuple("abcd"))

"""Frames around what a number sees, against positions worked by hand."""

import torch
from torch import Tensor, nn

from cifar_cli.analysis.receptive_field import PixelBox, ReceptiveField, receptive_fields
from cifar_cli.models.cnn import CNN


def seen(model: nn.Module, layer: str, *, side: int = 32) -> ReceptiveField:
    return receptive_fields(model, torch.rand(2, 3, side, side), layers=[layer])[layer]


class Residual(nn.Module):
    """A sum of a 1×1 and a 5×5 convolution: the larger one decides."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 2, 5, padding=2)
        self.narrow = nn.Conv2d(3, 2, 1)
        self.after = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.after(self.wide(images) + self.narrow(images))


def test_each_window_widens_the_frame_by_its_reach_times_the_strides_before_it() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 5, padding=2),  # 5
        nn.ReLU(),
        nn.MaxPool2d(2),  # 5 + 1 · 1 = 6, and from here on a step is 2 pixels
        nn.Conv2d(4, 4, 5, padding=2),  # 6 + 4 · 2 = 14
        nn.MaxPool2d(2),  # 14 + 1 · 2 = 16
    )
    sizes = [seen(model, str(layer)).middle_box.size for layer in range(5)]
    assert sizes == ["5×5", "5×5", "6×6", "14×14", "16×16"]


def test_it_lies_where_the_window_lies() -> None:
    receptive_field = seen(nn.Sequential(nn.Conv2d(3, 1, (3, 5), stride=2)), "0", side=9)
    # Row 1 begins at pixel 2 and is 3 high, column 2 at pixel 4 and is 5 wide.
    assert receptive_field.box_at(1, 2) == PixelBox(top=2, bottom=5, left=4, right=9)


def test_at_the_edge_only_the_pixels_that_there_are_count() -> None:
    receptive_field = seen(nn.Sequential(nn.Conv2d(3, 1, 3, padding=1)), "0", side=6)
    assert receptive_field.box_at(0, 5) == PixelBox(top=0, bottom=2, left=4, right=6)


def test_of_a_sum_the_wider_branch_counts() -> None:
    assert seen(Residual(), "after").middle_box.size == "5×5"


def test_a_vector_sees_the_whole_image_also_where_each_of_its_numbers_sees_less() -> None:
    model = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 4))
    assert seen(model, "1", side=8).box_at(0, 0) == seen(model, "2", side=8).box_at(0, 0) == PixelBox(0, 8, 0, 8)


def test_a_block_sees_what_its_last_layer_sees() -> None:
    model = CNN(image_shape=(3, 32, 32), num_classes=10, widths=(8, 8))
    # Block 0: 3, pooled 4, then two pixels a step: 4 + 2 · 2 = 8.
    assert seen(model, "blocks.0").middle_box == seen(model, "blocks.0.relu2").middle_box
    assert seen(model, "blocks.0").middle_box.size == "8×8"


def test_what_never_runs_is_left_out() -> None:
    model = Residual()
    model.unused = nn.Linear(1, 1)
    assert receptive_fields(model, torch.rand(1, 3, 8, 8), layers=["unused"]) == {}


def test_a_field_that_goes_beyond_the_edge_has_a_whole_size_too() -> None:
    inner = seen(nn.Sequential(nn.Conv2d(3, 1, 3, padding=1)), "0", side=8)
    assert (inner.middle_box.size, inner.whole_size) == ("3×3", None)
    # Side 3, middle 1: pixels −1 to 3 of 0 to 2.
    cut = seen(nn.Sequential(nn.Conv2d(3, 1, 5, padding=2)), "0", side=3)
    assert (cut.middle_box.size, cut.whole_size) == ("3×3", "5×5")

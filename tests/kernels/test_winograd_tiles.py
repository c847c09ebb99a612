"""The tiles of a line: the fewest that cover it."""

import pytest
import torch

from cifar_cli.kernels.winograd_tiles import tiling_of


@pytest.mark.parametrize(
    # A tile of m takes m + 2 points: 15 = 4 + 4 + 4 + 3, 14 = 4 + 4 + 3 + 3, 7 = 4 + 3, 6 = 3 + 3; 1 takes a tile of 2.
    ("side", "window", "points"),
    [(15, 1, 23), (15, 2, 22), (12, 1, 18), (7, 1, 11), (7, 2, 10), (3, 1, 5), (1, 1, 4)],
)
def test_a_line_has_the_points_of_the_fewest_tiles_that_cover_it(side: int, window: int, points: int) -> None:
    assert tiling_of(side, 4, window, torch.float64).points_per_image == points * 6

"""Quotas of classes: in proportion, exact in sum, and no class emptied while another can give."""

import pytest

from cifar_cli.data.quotas import proportional_quotas


@pytest.mark.parametrize(
    ("counts", "total", "quotas"),
    [
        ([50, 50], 10, [5, 5]),
        ([70, 20, 10], 10, [7, 2, 1]),
        ([5, 5, 5], 4, [2, 1, 1]),  # 4/3 each, and the remainder to the first
        ([10, 1], 5, [5, 0]),  # 4.5 and 0.5: the class of one keeps its image
        ([3, 1, 1], 2, [2, 0, 0]),  # 1.2, 0.4 and 0.4: the larger class can give both
        ([2, 1, 1], 3, [1, 1, 1]),  # more than the classes can give without being emptied
        ([0, 4], 2, [0, 2]),
        ([4], 0, [0]),
    ],
)
def test_quotas_are_proportional_and_spare_the_last_image_of_a_class(
    counts: list[int], total: int, quotas: list[int]
) -> None:
    assert proportional_quotas(counts, total=total) == quotas

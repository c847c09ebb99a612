"""Lesson `flatten`: the tutorial's shapes, and what its way breaks."""

import pytest
from torch import nn

from cifar_cli.lessons.flatten import BATCH_SIZE, PIXELS, a_row_each, make_batch, one_row_for_all
from cifar_cli.lessons.flatten import rows_changed_by_first_image as rows_changed


def test_the_worked_shapes() -> None:
    batch = make_batch()
    assert batch.shape == (64, 3, 32, 32)
    row, answer = one_row_for_all(batch)
    assert (row.shape, answer.shape) == ((196608,), (10,))
    rows, logits = a_row_each(batch)
    assert (rows.shape, logits.shape) == ((64, 3072), (64, 10))


def test_one_row_for_all_fits_one_batch_size_only() -> None:
    with pytest.raises(RuntimeError, match="49152 and 196608"):
        one_row_for_all(make_batch(16))
    assert a_row_each(make_batch(16))[1].shape == (16, 10)
    assert 10000 % BATCH_SIZE == 16


def test_an_image_changes_its_own_row_only_where_each_has_one() -> None:
    assert rows_changed(nn.Flatten(), nn.Linear(PIXELS, 10)) == 1
    assert rows_changed(nn.Flatten(start_dim=0), nn.Linear(BATCH_SIZE * PIXELS, 10)) == 1  # of the one there is


def test_the_numbers_of_parameters_that_are_told() -> None:
    assert sum(parameter.numel() for parameter in nn.Linear(3072, 10).parameters()) == 30_730
    assert PIXELS * BATCH_SIZE * 10 + 10 == 1_966_090

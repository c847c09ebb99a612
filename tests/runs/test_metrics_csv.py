"""metrics.csv reads back as it was written, by this program and by others."""

import csv
import math
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.errors import RunError
from cifar_cli.runs.metrics_csv import METRICS_COLUMNS, read_metrics, write_metrics

# Numbers that a shorter way of writing would change.
ROWS: list[dict[str, Any]] = [
    dict(zip(METRICS_COLUMNS, (1, 782, 0.1 + 0.2, math.pi, 1 / 3, 2.0, 1e-17, 12345.678901234567, 1e22), strict=True)),
    dict(zip(METRICS_COLUMNS, (2, 1564, 5e-324, 1e16, 1.0, None, None, 1 / 7, 0.0), strict=True)),
]


def test_the_columns_are_the_contracts() -> None:
    assert ",".join(METRICS_COLUMNS) == (
        "epoch,step,lr,train_loss,train_accuracy,val_loss,val_accuracy,images_per_second,seconds"
    )


def test_metrics_read_back_exactly_with_whole_numbers_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write_metrics(path, ROWS)
    rows = read_metrics(path)
    assert rows == ROWS
    assert [type(value) for value in rows[1].values()] == [
        int,
        int,
        float,
        float,
        float,
        type(None),
        type(None),
        float,
        float,
    ]


def test_other_programs_read_the_metrics(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write_metrics(path, ROWS)
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["epoch"], float(first["train_loss"]), second["val_loss"]) == ("1", math.pi, "")
    assert "\r" not in path.read_text()


def test_metrics_before_the_first_epoch_are_a_header_and_missing_ones_are_none(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert read_metrics(path) == []
    write_metrics(path, [])
    assert path.read_text() == ",".join(METRICS_COLUMNS) + "\n"
    assert read_metrics(path) == []


HEADER = ",".join(METRICS_COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "the columns "),
        ("epoch,loss\n1,2\n", "the columns epoch,loss"),
        (HEADER + "1,2,fast,1,1,1,1,1,1\n", "could not convert string to float: 'fast'"),
        (HEADER + "1,2,3\n", "a row of 3 fields"),
        (
            HEADER + ",,,,,,,,\n",
            "a row without epoch, step, lr, train_loss, train_accuracy, images_per_second, seconds",
        ),
        (HEADER + "1,2,1,1,1,,,1,\n", "a row without seconds"),
        (HEADER + "1.5,2,1,1,1,1,1,1,1\n", "the epoch 1.5 and the step 2"),
        (HEADER + "1,2,1,nan,1,1,1,1,1\n", "nan"),
    ],
)
def test_damaged_metrics_are_an_error_with_a_way_out(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(RunError) as caught:
        read_metrics(path)
    assert str(caught.value) == (
        f"{path}: expected the columns {','.join(METRICS_COLUMNS)} and a row of numbers per epoch, found: {found}; "
        "put the file back as training wrote it, or remove it"
    )

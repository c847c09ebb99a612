"""Writes and reads metrics.csv: a row per epoch."""

import csv
import math
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from cifar_cli.errors import RunError
from cifar_cli.runs.atomic_files import write_text

METRICS_COLUMNS = (
    "epoch",
    "step",
    "lr",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "images_per_second",
    "seconds",
)
MAY_BE_EMPTY = ("val_loss", "val_accuracy")  # without validation images


def write_metrics(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes all rows, numbers with all their digits, None as an empty field."""
    text = StringIO()
    writer = csv.DictWriter(text, METRICS_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of metrics.csv, with None for empty fields; no rows if there is no file.

    Raises RunError for a file that cannot be read, with other columns, or with anything in the place of numbers.
    """
    try:
        if not path.is_file():
            return []
        return _parse_metrics(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: could not be read: {error.strerror}; mend the file's rights, or remove it") from error
    except (ValueError, csv.Error) as error:
        raise RunError(
            f"{path}: expected the columns {','.join(METRICS_COLUMNS)} and a row of numbers per epoch, found: {error}; "
            f"put the file back as training wrote it, or remove it"
        ) from error


def _parse_metrics(text: str) -> list[dict[str, Any]]:
    header, *lines = list(csv.reader(text.splitlines())) or [[]]
    if tuple(header) != METRICS_COLUMNS:
        raise ValueError(f"the columns {','.join(header)}")
    return [_parse_row(line) for line in lines]


def _parse_row(fields: Sequence[str]) -> dict[str, Any]:
    if len(fields) != len(METRICS_COLUMNS):
        raise ValueError(f"a row of {len(fields)} fields")
    row = dict(zip(METRICS_COLUMNS, map(_number, fields), strict=True))
    if missing := [column for column, value in row.items() if value is None and column not in MAY_BE_EMPTY]:
        raise ValueError(f"a row without {', '.join(missing)}")
    if type(row["epoch"]) is not int or type(row["step"]) is not int:
        raise ValueError(f"the epoch {row['epoch']} and the step {row['step']}")
    return row


def _number(text: str) -> int | float | None:
    if text == "":
        return None
    number = int(text) if text.isdecimal() else float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number

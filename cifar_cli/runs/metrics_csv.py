"""Writes and reads metrics.csv: a row per epoch."""

import csv
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


def write_metrics(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes all rows, numbers with all their digits, None as an empty field."""
    text = StringIO()
    writer = csv.DictWriter(text, METRICS_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of metrics.csv, with None for empty fields; no rows if there is no file.

    Raises RunError for a file with other columns, or with text in the place of numbers.
    """
    if not path.is_file():
        return []
    try:
        return _parse_metrics(path.read_text(encoding="utf-8"))
    except (ValueError, csv.Error) as error:
        raise RunError(
            f"{path}: expected the columns {','.join(METRICS_COLUMNS)} and a row of numbers per epoch, found: {error}; "
            f"put the file back as training wrote it, or remove it"
        ) from error


def _parse_metrics(text: str) -> list[dict[str, Any]]:
    header, *lines = list(csv.reader(text.splitlines())) or [[]]
    if tuple(header) != METRICS_COLUMNS:
        raise ValueError(f"the columns {','.join(header)}")
    for line in lines:
        if len(line) != len(METRICS_COLUMNS):
            raise ValueError(f"a row of {len(line)} fields")
    return [dict(zip(METRICS_COLUMNS, map(_number, line), strict=True)) for line in lines]


def _number(text: str) -> int | float | None:
    if text == "":
        return None
    return int(text) if text.isdecimal() else float(text)

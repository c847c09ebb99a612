"""The run's records as files others read: metrics.csv, a row per epoch, and summary.json."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from cifar_cli.runs.files import write_text

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
    """Writes all rows so far; None becomes an empty field. Numbers are written in full and read back equal."""
    text = StringIO()
    writer = csv.DictWriter(text, METRICS_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of metrics.csv, numbers as numbers and empty fields as None; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def write_json(path: Path, contents: Mapping[str, Any]) -> None:
    """Writes a JSON object, indented, its keys in the order given."""
    write_text(path, json.dumps(contents, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Returns the JSON object in a file; an empty one where the file is missing."""
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _number(text: str) -> int | float | None:
    if text == "":
        return None
    value = float(text)
    return int(value) if text.lstrip("-").isdigit() and math.isfinite(value) else value

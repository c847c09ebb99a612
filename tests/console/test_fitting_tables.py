"""Tables on terminals of several widths: every number and every name is whole."""

import io
from collections.abc import Callable

import pytest
import torch
from rich.console import Console
from rich.table import Table

from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.result_tables import class_table, print_confusion
from cifar_cli.training.classification_metrics import classification_metrics

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CONFUSION = torch.arange(1000, 1100).view(10, 10)  # every number once


def printed(width: int, print_to: Callable[[Console], None]) -> str:
    file = io.StringIO()
    print_to(Console(file=file, width=width, markup=False))  # as console.streams makes it
    return file.getvalue()


@pytest.mark.parametrize("width", [120, 80, 60, 40, 20])
def test_a_confusion_matrix_has_every_count_and_every_name_at_any_width(width: int) -> None:
    text = printed(width, lambda console: print_confusion(console, NAMES, CONFUSION))
    words = text.split()
    assert [words.count(str(count)) for count in range(1000, 1100)] == [1] * 100
    assert all(name in words for name in NAMES)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [120, 80, 60, 40, 20])
def test_the_scores_of_classes_are_whole_at_any_width(width: int) -> None:
    scores = classification_metrics(CONFUSION)
    text = printed(width, lambda console: print_table(console, class_table(NAMES, scores)))
    for name, score in zip(NAMES, scores, strict=True):
        for part in (name, f"{score.images:,}", f"{100 * score.recall:.1f} %", f"{score.f1:.3f}"):
            assert part in text
    assert "…" not in text


def test_the_first_table_that_fits_is_printed() -> None:
    wide, narrow = (Table(heading) for heading in ("a heading of 30 columns, wide", "narrow"))
    assert "wide" in printed(40, lambda console: print_table(console, wide, narrow))
    assert "narrow" in printed(20, lambda console: print_table(console, wide, narrow))


def test_a_table_without_room_becomes_lines_with_title_headings_and_totals() -> None:
    table = Table(title="All layers", show_footer=True)
    table.add_column("layer", footer="all")
    table.add_column("params", footer="1,234,567")
    table.add_column("FLOPs\nper image", footer="")
    table.add_row("blocks.0.conv1", "234,567", "4.72 M")
    table.add_row("[red]", "[/]", "·")  # a class may be called so
    assert printed(30, lambda console: print_table(console, table)).splitlines() == [
        "",
        "All layers",
        "layer",
        "blocks.0.conv1",
        "  params 234,567",
        "  FLOPs per image 4.72 M",
        "[red]",
        "  params [/]",
        "  FLOPs per image ·",
        "all",
        "  params 1,234,567",
    ]

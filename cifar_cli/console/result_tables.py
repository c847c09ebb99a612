"""The tables at the end of a training and of an evaluation."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.streams import note, results
from cifar_cli.training.classification_metrics import ClassScores, classification_metrics
from cifar_cli.training.evaluation import Evaluation

SUMMARY_ROWS = (
    ("train", "training, as it went"),
    ("val", "validation"),
    ("test", "test, read at the end"),
    ("test_plain", "test, each image as it is"),
)
MAX_CLASSES_IN_TERMINAL = 20  # a confusion matrix with more columns is too wide for any terminal


def print_training_results(summary: Mapping[str, Any], *, loss: str) -> None:
    """Prints the losses and accuracies of a finished training, its time and its memory. loss: the loss function."""
    console = results()
    best = summary["best_epoch"]
    epoch = f"epoch {best}, the best on validation" if best else f"epoch {summary['epochs']}, the last"
    if summary.get("stopped_early"):
        epoch += f"\nstopped early after epoch {summary['epochs']}"
    table = Table("images", title=f"{summary['name']} on {summary['dataset']}\n{epoch}", title_justify="left")
    table.add_column("loss", justify="right")
    table.add_column("accuracy", justify="right")
    with_tta = ", with TTA" if "test_plain" in summary else ""
    for split, title in SUMMARY_ROWS:
        figures = summary.get(split)
        if figures:
            table.add_row(
                title + (with_tta if split == "test" else ""),
                formatting.NOTHING if figures["loss"] is None else f"{figures['loss']:.4f}",
                formatting.percent(figures["accuracy"], decimals=2),
            )
    print_table(console, table)
    console.print(f"loss: {loss}", soft_wrap=True)
    memory, speed = summary["peak_memory_bytes"], summary["images_per_second"]
    console.print(
        describe_training_time(summary)
        + (f" at {speed:,.0f} images/s" if speed else "")
        + describe_compile_time(summary)
        + f", {describe_seconds(summary['wall_seconds'])} in all"
        + (f", {formatting.binary_bytes(memory)} of memory at most" if memory else "")
    )


def describe_training_time(summary: Mapping[str, Any], prefix: str = "") -> str:
    """Returns `3.94 s of training (1.36 s of it the first step)`; the second part only where it was timed.

    prefix: of the summary's keys.
    """
    warm_up = summary.get(f"{prefix}warm_up_seconds")
    first_step = "" if warm_up is None else f" ({describe_seconds(warm_up)} of it the first step)"
    return f"{describe_seconds(summary[f'{prefix}train_seconds'])} of training{first_step}"


def describe_compile_time(summary: Mapping[str, Any], prefix: str = "") -> str:
    """Returns `, 0.92 s of compiling`, which does not count as training; nothing where it was not timed."""
    compiling = summary.get(f"{prefix}compile_seconds")
    return "" if compiling is None else f", {describe_seconds(compiling)} of compiling"


def describe_seconds(seconds: float | None) -> str:
    """Returns `39.4 s` or, below ten, `3.94 s`; for None, the time of a run whose records were lost, words that say so.

    Hundredths, because the fastest trainings take less than two seconds.
    """
    if seconds is None:
        return "unknown time"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def _describe_accuracy(accuracy: float, loss: float) -> str:
    return f"accuracy {formatting.percent(accuracy, decimals=2)}   loss {loss:.4f}"


def print_evaluation(measured: Evaluation, *, class_names: Sequence[str], tta: str, conditions: str) -> None:
    """Prints accuracy and loss, the scores of each class, and the confusion matrix where it fits a terminal.

    conditions: what the loss is, and how it was computed.
    """
    console = results()
    with_tta = f"   with evaluation.tta {tta}" if measured.without_tta else ""
    console.print(f"{_describe_accuracy(measured.accuracy, measured.loss)}{with_tta}", style="bold")
    if plain := measured.without_tta:
        console.print(f"{_describe_accuracy(plain.accuracy, plain.loss)}   each image as it is")
    console.print(conditions, soft_wrap=True)
    print_table(console, class_table(class_names, classification_metrics(measured.confusion)))
    if len(class_names) <= MAX_CLASSES_IN_TERMINAL:
        print_confusion(console, class_names, measured.confusion)
    else:
        note(f"a confusion matrix of {len(class_names)} classes is too wide for a terminal; the picture has it")


def class_table(class_names: Sequence[str], scores: Sequence[ClassScores]) -> Table:
    """Returns a table with a row per class. The accuracy of a class is its recall, so one column shows both."""
    table = Table("class")
    for heading in ("images", "accuracy\n= recall", "precision", "F1"):
        table.add_column(heading, justify="right")
    for name, score in zip(class_names, scores, strict=True):
        table.add_row(
            name,
            f"{score.images:,}",
            formatting.percent(score.recall, decimals=1),
            formatting.percent(score.precision, decimals=1),
            f"{score.f1:.3f}",
        )
    return table


def print_confusion(console: Console, class_names: Sequence[str], confusion: Tensor) -> None:
    """Prints a confusion matrix (K, K): its columns have the classes' names or, on a narrower terminal, their numbers.

    On a terminal that is too narrow for both, each class is followed by the predictions that occur.
    """
    numbers = [str(number) for number in range(1, len(class_names) + 1)]
    numbered = [f"{number} {name}" for number, name in zip(numbers, class_names, strict=True)]
    print_table(
        console,
        confusion_table(confusion, rows=class_names, columns=class_names),
        confusion_table(confusion, rows=numbered, columns=numbers),
        confusion_table(confusion, rows=class_names, columns=class_names, zero=""),
    )


def confusion_table(
    confusion: Tensor, *, rows: Sequence[str], columns: Sequence[str], zero: str = formatting.NOTHING
) -> Table:
    """Returns a confusion matrix (K, K) as a table, a row per true class, the diagonal in bold, zeros as dots."""
    table = Table("true ↓  predicted →", box=SIMPLE, padding=(0, 0, 0, 1))
    for name in columns:
        table.add_column(name, justify="right")
    for row, name in enumerate(rows):
        counts = [int(count) for count in confusion[row]]
        cells = [Text(str(n), "bold green") if column == row else str(n or zero) for column, n in enumerate(counts)]
        table.add_row(name, *cells)
    return table

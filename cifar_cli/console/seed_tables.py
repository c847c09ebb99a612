"""The tables at the end of a training with several seeds."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from cifar_cli import formatting
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.result_tables import describe_compile_time, describe_seconds, describe_training_time
from cifar_cli.console.streams import results


def describe_test(figures: Mapping[str, Any]) -> str:
    """Returns the test accuracy of a run, on one line."""
    plain = (
        f" ({formatting.percent(figures['test_plain']['accuracy'], decimals=2)} each image as it is)"
        if "test_plain" in figures
        else ""
    )
    return f"{formatting.percent(figures['test']['accuracy'], decimals=2)} on the test set{plain}"


def print_group_results(summary: Mapping[str, Any]) -> None:
    """Prints a row per seed, then mean, standard deviation and interval of the accuracies, then the times."""
    console = results()
    seeds = summary["seeds"]
    console.print(f"{summary['name']} on {summary['dataset']}, seeds {', '.join(map(str, seeds))}", style="bold")
    measures = {key: title for key, title in _titles(summary).items() if key in summary}
    may_stop_early = any("stopped_early" in run for run in summary["runs"])
    table = Table("seed")
    for heading in (*measures.values(), *(["epochs"] if may_stop_early else []), "training", "in all"):
        table.add_column(heading, justify="right")
    table.add_column("run")
    for run in summary["runs"]:
        accuracies = [
            formatting.percent(run[key]["accuracy"], decimals=2) if run.get(key) else run["status"] for key in measures
        ]
        times = [describe_seconds(run[key]) if key in run else "–" for key in ("train_seconds", "wall_seconds")]
        epochs = [str(run.get("epochs", "–"))] if may_stop_early else []
        table.add_row(str(run["seed"]), *accuracies, *epochs, *times, run["run"])
    print_table(console, table)
    for key, title in measures.items():
        console.print(f"{title}: {_describe(summary[key])}", style="bold" if key == "test" else None)
    if measures:
        training = describe_training_time(summary, "mean_") + describe_compile_time(summary, "mean_")
        console.print(
            f"on average {training} and {describe_seconds(summary['mean_wall_seconds'])} in all for a seed; "
            f"{describe_seconds(summary['wall_seconds'])} for the whole command, images opened once",
            soft_wrap=True,
        )


def _titles(summary: Mapping[str, Any]) -> dict[str, str]:
    return {
        "test": "test, with TTA" if "test_plain" in summary else "test",
        "test_plain": "test, each image as it is",
    }


def _describe(statistics: Mapping[str, Any]) -> str:
    """Returns `93.97 % ± 0.06 (95 % confidence, Student's t), standard deviation 0.05, n = 5`."""
    mean, n, deviation = statistics["mean"], statistics["n"], statistics["standard_deviation"]
    if n == 1:
        return f"{formatting.percent_with_uncertainty(mean, None)}, n = 1: the variation needs a second seed"
    half_width = (statistics["confidence_95"][1] - statistics["confidence_95"][0]) / 2
    points = 100 * deviation
    deviation_text = f"{points:.{formatting.decimals_for_uncertainty(points)}f}" if points else "0"
    interval = formatting.percent_with_uncertainty(mean, half_width)
    return f"{interval} (95 % confidence, Student's t), standard deviation {deviation_text}, n = {n}"

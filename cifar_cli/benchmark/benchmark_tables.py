"""The result of a benchmark: tables and sentences for the terminal, and one JSON object."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cifar_cli import formatting
from cifar_cli.benchmark.measurement import BARE, OURS, REFERENCE, WATCHED, Measurement
from cifar_cli.benchmark.round_summary import RoundSummary
from cifar_cli.benchmark.run_benchmark import Benchmark
from cifar_cli.benchmark.table import REFERENCES
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.streams import results
from cifar_cli.runner.kernels_of_run import kernels_in_words

BAR_WIDTH = 24
TOO_NOISY = "the rounds differ too much for one figure: try more --rounds and --seconds, while nothing else runs"


def print_report(measured: Measurement, benchmark: Benchmark) -> None:
    """Prints the speed of every loop, the parts of a step, and the conclusions."""
    runtime, reference = benchmark.runtime, REFERENCES[benchmark.reference].title
    console = results()
    console.print(
        f"{benchmark.experiment.name} on {runtime.device_name}, {runtime.precision}, batch {benchmark.batch_size}: "
        f"{formatting.count(measured.rounds, 'round')} of {formatting.count(measured.steps_per_round, 'step')}",
        style="bold",
    )
    print_table(console, _speed_table(measured, reference))
    print_table(console, _parts_table(measured))
    for sentence in sentences(measured, reference=reference, precision=runtime.precision):
        console.print(sentence)


def sentences(measured: Measurement, *, reference: str, precision: str) -> list[str]:
    """Returns the conclusions, a line each; if the rounds disagree, a range instead of one figure."""
    end, peak = measured.epoch_end, measured.matrix_peak
    validation = f", validation {end.validation:.1f} s" if end.validation is not None else ""
    memory = (
        f"; {formatting.binary_bytes(measured.peak_memory_bytes)} of memory at most"
        if measured.peak_memory_bytes
        else ""
    )
    return [
        _speedup(measured, reference),
        _overhead(measured),
        f"at the end of an epoch: logging {formatting.duration(end.logging)}{validation}",
        f"first step {measured.first_step_seconds[OURS]:.2f} s{memory}",
        f"{_rate(measured.flops_per_second)}, {formatting.percent(measured.share_of_matrix_peak, decimals=0)} of the "
        f"{_rate(peak.flops_per_second)} that products of {peak.size} × {peak.size} matrices reach here in {precision}",
    ]


def as_dict(measured: Measurement, benchmark: Benchmark, *, source: str, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all figures, with their units in the keys. machine: a description of the computer."""
    end = measured.epoch_end
    return {
        "config": source,
        "name": benchmark.experiment.name,
        "against": benchmark.reference,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**machine, "native_kernels": kernels_in_words(benchmark.runtime.device)},
        "synthetic": benchmark.experiment.data.is_synthetic,
        "parameters": benchmark.parameters,
        "batch_size": measured.batch_size,
        "images_per_epoch": measured.images_per_epoch,
        "rounds": measured.rounds,
        "steps_per_round": measured.steps_per_round,
        "images_per_second": {name: measured.images_per_second(name) for name in measured.step_seconds},
        "epoch_seconds": {name: measured.epoch_seconds(name) for name in measured.step_seconds},
        "epoch_end_seconds": {"logging": end.logging, "validation": end.validation},
        "first_step_seconds": dict(measured.first_step_seconds),
        "step_seconds": {name: summary_as_dict(measured.step(name)) for name in measured.step_seconds},
        "part_seconds": measured.parts,
        "speedup": summary_as_dict(measured.speedup),
        "is_speedup_clear": measured.is_speedup_clear,
        "overhead": summary_as_dict(measured.overhead),
        "is_overhead_clear": measured.is_overhead_clear,
        "peak_memory_bytes": measured.peak_memory_bytes,
        "flops_per_step": measured.flops_per_step,
        "flops_per_second": measured.flops_per_second,
        "matrix_peak": asdict(measured.matrix_peak),
        "share_of_matrix_peak": measured.share_of_matrix_peak,
    }


def _speed_table(measured: Measurement, reference: str) -> Table:
    table = Table("", box=SIMPLE_HEAD, padding=(0, 1))
    for heading in ("images/s", "s/epoch", "ms/step", "lowest – highest"):
        table.add_column(heading, justify="right")
    titles = {OURS: "cifar train", BARE: "the same by hand", REFERENCE: reference, WATCHED: "with the stopwatch"}
    for loop, title in titles.items():
        step = measured.step(loop)
        table.add_row(
            title,
            f"{measured.images_per_second(loop):,.0f}",
            f"{measured.epoch_seconds(loop):.1f}",
            _milliseconds(step.median),
            f"{_milliseconds(step.lowest)} – {_milliseconds(step.highest)}",
            style="bold" if loop == OURS else "dim" if loop == WATCHED else None,
        )
    return table


def _parts_table(measured: Measurement) -> Table:
    """Returns a row per part of a step; the bars show fractions of a step without a stopwatch."""
    step_seconds = measured.step(OURS).median
    table = Table("a step goes to", box=SIMPLE_HEAD, padding=(0, 1))
    for heading in ("ms", "share"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for part, seconds in measured.parts.items():
        fraction = seconds / step_seconds
        table.add_row(
            part,
            _milliseconds(seconds),
            formatting.percent(fraction, decimals=1),
            "█" * max(0, round(BAR_WIDTH * fraction)),
        )
    return table


def _speedup(measured: Measurement, reference: str) -> str:
    speedup = measured.speedup
    if measured.is_speedup_clear:
        return f"{speedup.median:.2f} times as fast as {reference} ({_range(speedup, '{:.2f}'.format)})"
    return f"{speedup.lowest:.2f} to {speedup.highest:.2f} times as fast as {reference}; {TOO_NOISY}"


def _overhead(measured: Measurement) -> str:
    overhead = measured.overhead
    if measured.is_overhead_clear:
        taken, spread = formatting.signed_percent(overhead.median), _range(overhead, formatting.signed_percent)
        return f"the loop and its logging take {taken} over the same by hand ({spread})"
    extremes = f"{formatting.signed_percent(overhead.lowest)} to {formatting.signed_percent(overhead.highest)}"
    return f"the loop and its logging take {extremes} over the same by hand; {TOO_NOISY}"


def _range(summary: RoundSummary, as_text: Callable[[float], str]) -> str:
    """Returns the confidence interval of the median, if there is one, and the lowest and highest round."""
    low, high = map(as_text, summary.interval)
    confidence = f"95 % confidence {low} to {high}, " if summary.is_confident else ""
    rounds = formatting.count(len(summary.per_round), "round")
    return f"{confidence}{as_text(summary.lowest)} to {as_text(summary.highest)} in {rounds}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.2f}"


def _rate(flops_per_second: float) -> str:
    return f"{flops_per_second / 1e12:.2f} TFLOP/s"


def summary_as_dict(summary: RoundSummary) -> dict[str, Any]:
    return {
        "median": summary.median,
        "confidence_95": list(summary.interval) if summary.is_confident else None,
        "lowest": summary.lowest,
        "highest": summary.highest,
        "per_round": list(summary.per_round),
    }

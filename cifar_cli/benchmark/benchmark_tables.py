"""A benchmark's result, as tables for the terminal and as one JSON object. Knows nothing of how it was measured."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cifar_cli.benchmark.measurement import BARE, OURS, REFERENCE, WATCHED, Measurement
from cifar_cli.benchmark.ratios import RatioSummary
from cifar_cli.benchmark.run_benchmark import BenchmarkSubject
from cifar_cli.console.streams import results

REFERENCE_NAMES = {"tutorial": "the tutorials' loop", "plain": "the plain loop"}
BAR_WIDTH = 24
TOO_NOISY = "too uneven to name one figure: try more --rounds and --seconds, while nothing else runs"


def print_report(measured: Measurement, subject: BenchmarkSubject) -> None:
    """Prints how fast, where the time goes, and what follows."""
    runtime, reference = subject.runtime, REFERENCE_NAMES[subject.reference]
    console = results()
    console.print(
        f"{subject.experiment.name} on {runtime.device_name}, {runtime.precision}, batch {subject.batch_size}: "
        f"{measured.rounds} rounds of {measured.steps_per_round} steps",
        style="bold",
    )
    console.print(_speed_table(measured, reference))
    console.print(_parts_table(measured))
    for sentence in sentences(measured, reference=reference, precision=runtime.precision):
        console.print(sentence)


def sentences(measured: Measurement, *, reference: str, precision: str) -> list[str]:
    """Returns what follows from the figures, a line each; where the rounds disagree, no figure is named."""
    end, peak = measured.epoch_end, measured.matrix_peak
    validation = f", validation {end.validation:.1f} s" if end.validation is not None else ""
    memory = f"; {measured.peak_memory_bytes / 2**30:.2f} GiB of memory at most" if measured.peak_memory_bytes else ""
    return [
        _speedup(measured, reference),
        _overhead(measured),
        f"at the end of an epoch: logging {1000 * end.logging:.0f} ms{validation}",
        f"first step {measured.first_step_seconds[OURS]:.2f} s{memory}",
        f"{_rate(measured.flops_per_second)}, {measured.share_of_matrix_peak:.0%} of the "
        f"{_rate(peak.flops_per_second)} that products of {peak.size} × {peak.size} matrices reach here in {precision}",
    ]


def as_dict(
    measured: Measurement, subject: BenchmarkSubject, *, source: str, machine: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns all figures with their units in their names. machine: what it was measured on."""
    end = measured.epoch_end
    return {
        "config": source,
        "name": subject.experiment.name,
        "against": subject.reference,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": dict(machine),
        "synthetic": subject.experiment.data.name == "synthetic",
        "parameters": subject.parameters,
        "batch_size": measured.batch_size,
        "images_per_epoch": measured.images_per_epoch,
        "rounds": measured.rounds,
        "steps_per_round": measured.steps_per_round,
        "images_per_second": {name: measured.images_per_second(name) for name in measured.step_seconds},
        "epoch_seconds": {name: measured.epoch_seconds(name) for name in measured.step_seconds},
        "epoch_end_seconds": {"logging": end.logging, "validation": end.validation},
        "first_step_seconds": dict(measured.first_step_seconds),
        "step_seconds": {name: _spread(measured.step(name)) for name in measured.step_seconds},
        "part_seconds": measured.parts,
        "speedup": _spread(measured.speedup),
        "is_speedup_clear": measured.is_speedup_clear,
        "overhead": _spread(measured.overhead),
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
    names = {OURS: "cifar train", BARE: "the same by hand", REFERENCE: reference, WATCHED: "with the stopwatch"}
    for contender, name in names.items():
        step = measured.step(contender)
        table.add_row(
            name,
            f"{measured.images_per_second(contender):,.0f}",
            f"{measured.epoch_seconds(contender):.1f}",
            _milliseconds(step.median),
            f"{_milliseconds(step.lowest)} – {_milliseconds(step.highest)}",
            style="bold" if contender == OURS else "dim" if contender == WATCHED else None,
        )
    return table


def _parts_table(measured: Measurement) -> Table:
    """A row per part of a step; the bars are shares of the step that nobody watched."""
    whole = measured.step(OURS).median
    table = Table("a step goes to", box=SIMPLE_HEAD, padding=(0, 1))
    for heading in ("ms", "share"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for part, seconds in measured.parts.items():
        share = seconds / whole
        table.add_row(part, _milliseconds(seconds), f"{share:.1%}", "█" * max(0, round(BAR_WIDTH * share)))
    return table


def _speedup(measured: Measurement, reference: str) -> str:
    found = measured.speedup
    if measured.is_speedup_clear:
        return f"{found.median:.2f} times as fast as {reference} ({_extent(found, '.2f')})"
    return f"{found.lowest:.2f} to {found.highest:.2f} times as fast as {reference}, {TOO_NOISY}"


def _overhead(measured: Measurement) -> str:
    found = measured.overhead
    if measured.is_overhead_clear:
        return f"the loop and its logging take {found.median:+.1%} over the same by hand ({_extent(found, '+.1%')})"
    extent = f"{found.lowest:+.1%} to {found.highest:+.1%}"
    return f"the loop and its logging take {extent} over the same by hand, {TOO_NOISY}"


def _extent(found: RatioSummary, form: str) -> str:
    """Returns how sure a median is, if that can be told, and how far the rounds lie apart."""
    low, high = found.interval
    confidence = f"95 % confidence {low:{form}} to {high:{form}}, " if found.is_confident else ""
    return f"{confidence}{found.lowest:{form}} to {found.highest:{form}} in {len(found.per_round)} rounds"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.2f}"


def _rate(flops_per_second: float) -> str:
    return f"{flops_per_second / 1e12:.2f} TFLOP/s"


def _spread(found: RatioSummary) -> dict[str, Any]:
    return {
        "median": found.median,
        "confidence_95": list(found.interval) if found.is_confident else None,
        "lowest": found.lowest,
        "highest": found.highest,
        "per_round": list(found.per_round),
    }

"""`cifar benchmark`: what it measures is complete, consistent with itself, and told honestly."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.benchmark import matrix_peak, run_benchmark
from cifar_cli.benchmark.benchmark_tables import sentences
from cifar_cli.benchmark.epoch_end import EpochEnd
from cifar_cli.benchmark.matrix_peak import MatrixPeak
from cifar_cli.benchmark.measurement import Measurement
from cifar_cli.benchmark.references import REFERENCES
from cifar_cli.commands.benchmark import REFERENCE_NAMES

QUICK = ("--seconds", 1, "--rounds", 2)
LOOPS = {"ours", "watched", "bare", "reference"}


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimates and peaks may be as bad as they like here, and the machine as busy."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.2, 9.0, 9.0))
    monkeypatch.setattr(run_benchmark, "SECONDS_TO_ESTIMATE", 0.02)
    monkeypatch.setitem(matrix_peak.SIZES, "cpu", (64,))


def test_the_references_that_can_be_named_are_those_that_there_are() -> None:
    assert set(REFERENCE_NAMES) == set(REFERENCES)


def test_json_holds_every_figure_and_they_agree(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("benchmark", "small.yaml", "--against", "plain", "--json", *QUICK)
    assert outcome.code == 0, outcome.err
    (line,) = outcome.out.splitlines()
    found = json.loads(line)
    assert (found["config"], found["name"], found["against"]) == ("small.yaml", "small", "plain")
    assert found["synthetic"] is True
    assert found["machine"]["threads"] == 1
    assert found["parameters"] == 5_354
    assert (found["rounds"], found["batch_size"], found["images_per_epoch"]) == (2, 50, 9_900)
    assert 1 <= found["steps_per_round"] <= 10  # of 500 images
    assert found["step_seconds"].keys() == found["images_per_second"].keys() == LOOPS
    assert found["first_step_seconds"].keys() == found["epoch_seconds"].keys() == LOOPS
    ours = found["step_seconds"]["ours"]
    assert len(ours["per_round"]) == 2
    assert ours["lowest"] <= ours["median"] <= ours["highest"]
    assert found["images_per_second"]["ours"] == pytest.approx(50 / ours["median"])
    assert found["epoch_seconds"]["ours"] == pytest.approx(9_900 / 50 * ours["median"])
    assert sum(found["part_seconds"].values()) == pytest.approx(ours["median"])
    assert found["speedup"]["per_round"] == pytest.approx(
        [
            other / mine
            for other, mine in zip(found["step_seconds"]["reference"]["per_round"], ours["per_round"], strict=True)
        ]
    )
    # 3×3 convolution, 3 → 8 channels, 32×32 pixels, and 512 → 10: two and three products of so many numbers.
    assert found["flops_per_step"] == 50 * 2 * (2 * 1024 * 8 * 27 + 3 * 512 * 10)
    assert found["flops_per_second"] == pytest.approx(found["flops_per_step"] / ours["median"])
    assert found["share_of_matrix_peak"] == pytest.approx(
        found["flops_per_second"] / found["matrix_peak"]["flops_per_second"]
    )
    assert found["peak_memory_bytes"] > 0
    assert "warning: this machine was busy" not in outcome.err
    assert found["epoch_end_seconds"]["validation"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]  # nothing is kept


def test_tables_for_people_and_drawn_images_where_there_are_no_real_ones(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    images = ("data.name=cifar10", "data.root=nowhere", "data.val_size=0")
    outcome = cifar("benchmark", "small.yaml", *images, *QUICK)
    assert outcome.code == 0, outcome.err
    assert (
        "warning: cifar10 is not here: timed on SYNTHETIC images of the same shape, which takes as long; "
        "`cifar data fetch cifar10` gets the real ones\n" in outcome.err
    )
    for row in ("cifar train", "the same by hand", "the tutorials' loop", "with the stopwatch"):
        assert f"\n  {row}" in outcome.out
    for part in ("data", "forward", "backward", "optimizer", "logging", "rest"):
        assert f"\n  {part} " in outcome.out
    tables = outcome.out.partition("times as fast as")[0].splitlines()
    assert max(len(line.rstrip()) for line in tables[:-1]) <= 80
    assert outcome.err.splitlines()[-1] == f"next: cifar train --config small.yaml {' '.join(images)}"


def test_small_pictures_and_epochs_of_fewer_images_are_left_out_and_said_so(cifar: Callable[..., Any]) -> None:
    # Ends at the images, which nobody draws in this shape.
    outcome = cifar("benchmark", "cnn", "data.augment.sizes=[16]", "data.name=fashion_mnist", "data.root=nowhere")
    assert outcome.code == 1
    assert outcome.err.startswith(
        "every step is timed at the images' full size; epochs of smaller pictures take less\nerror: "
    )
    outcome = cifar(
        "benchmark", "cnn", "data.hard_example_fractions=[1, 0.5]", "data.name=fashion_mnist", "data.root=nowhere"
    )
    assert outcome.err.startswith(
        "an epoch's time is that of all images; epochs of the hardest ones take less\nerror: "
    )


def test_a_busy_machine_is_warned_of(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (3.21, 0.0, 0.0))
    outcome = cifar("benchmark", "small.yaml", "data.batch_size=501")  # ends before anything is timed
    assert outcome.err.startswith(
        "warning: this machine was busy in the last minute (load average 3.2), which makes figures that say little; "
        "try again when nothing else runs\nerror: data.batch_size: "
    )


MEASURED = Measurement(
    batch_size=50,
    images_per_epoch=1000,
    steps_per_round=5,
    step_seconds={"ours": [0.10, 0.10], "watched": [0.1, 0.1], "bare": [0.10, 0.10], "reference": [0.30, 0.31]},
    part_seconds=[{}, {}],
    first_step_seconds={"ours": 1.5},
    epoch_end=EpochEnd(logging=0.1, validation=2.0),
    peak_memory_bytes=3 * 2**29,
    flops_per_step=20_000_000_000,
    matrix_peak=MatrixPeak(flops_per_second=400e9, size=2048),
)


def test_the_sentences_say_what_follows() -> None:
    assert sentences(MEASURED, reference="the tutorials' loop", precision="fp32") == [
        "3.05 times as fast as the tutorials' loop (3.00 to 3.10 in 2 rounds)",
        "the loop and its logging take +5.0% over the same by hand (+5.0% to +5.0% in 2 rounds)",
        "at the end of an epoch: logging 100 ms, validation 2.0 s",
        "first step 1.50 s; 1.50 GiB of memory at most",
        "0.20 TFLOP/s, 50% of the 0.40 TFLOP/s that products of 2048 × 2048 matrices reach here in fp32",
    ]


def test_from_six_rounds_on_they_say_how_sure_the_figures_are() -> None:
    ours, others = [0.1] * 9, [0.12, 0.13, 0.13, 0.13, 0.13, 0.13, 0.13, 0.13, 0.19]
    steps = {"ours": ours, "watched": ours, "bare": ours, "reference": others}
    measured = replace(MEASURED, step_seconds=steps, part_seconds=[{}] * 9)
    told = sentences(measured, reference="the plain loop", precision="fp32")
    assert told[0] == ("1.30 times as fast as the plain loop (95 % confidence 1.30 to 1.30, 1.20 to 1.90 in 9 rounds)")
    assert told[1] == (
        "the loop and its logging take +5.0% over the same by hand "
        "(95 % confidence +5.0% to +5.0%, +5.0% to +5.0% in 9 rounds)"
    )


def test_on_a_noisy_machine_no_figure_is_named() -> None:
    steps = {**MEASURED.step_seconds, "bare": [0.10, 0.07], "reference": [0.30, 0.40]}
    measured = replace(MEASURED, step_seconds=steps, epoch_end=EpochEnd(logging=0.1, validation=None))
    told = sentences(measured, reference="the plain loop", precision="bf16")
    noisy = "too uneven to name one figure: try more --rounds and --seconds, while nothing else runs"
    assert told[0] == f"3.00 to 4.00 times as fast as the plain loop, {noisy}"
    assert told[1] == f"the loop and its logging take +5.0% to +50.0% over the same by hand, {noisy}"
    assert told[2] == "at the end of an epoch: logging 100 ms"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["small.yaml", "--against", "tutorail"],
            2,
            "error: --against: expected one of tutorial, plain; found 'tutorail'; did you mean 'tutorial'?",
        ),
        (["small.yaml", "cnn"], 2, "error: expected one configuration, found 2: small.yaml cnn; name one of them"),
        (
            ["layers/relu"],
            2,
            "error: model.layers: expected one score for each of the 10 classes of cifar10 at the end, found",
        ),
        (
            ["small.yaml", "data.batch_size=501"],
            2,
            "error: data.batch_size: expected at most the 500 images there are to train on, as "
            "data.drop_last is true, found 501; write a smaller one",
        ),
        (
            ["mlp", "data.name=fashion_mnist", "data.root=nowhere"],
            1,
            "\nfetch them first: cifar data fetch fashion_mnist\n",
        ),
    ],
    ids=["reference", "two", "no scores", "batch", "no images"],
)
def test_what_cannot_be_timed_is_told(words: list[str], code: int, message: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar("benchmark", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err

"""`cifar benchmark`: its figures are complete and consistent, and what it says to mistakes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.kernels.native_library import native_library

QUICK = ("--seconds", 1, "--rounds", 2)
LOOPS = {"ours", "watched", "bare", "reference"}


@pytest.fixture(autouse=True)
def idle_machine(short_benchmarks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes benchmarks short, and the machine idle."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.2, 9.0, 9.0))


def test_json_holds_every_figure_and_they_agree(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("benchmark", "small.yaml", "--against", "plain", "--json", *QUICK)
    assert outcome.code == 0, outcome.err
    (line,) = outcome.out.splitlines()
    found = json.loads(line)
    assert (found["config"], found["name"], found["against"]) == ("small.yaml", "small", "plain")
    assert found["synthetic"] is True
    assert found["machine"]["threads"] == 1
    native = native_library()
    assert found["machine"]["native_kernels"] == (native.words if native.library else None)
    assert f"native kernels: {native.words if native.library else 'none: '}" in outcome.err
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
    # 3×3 convolution, 3 → 8 channels, 32×32 pixels: two products; 512 → 10: three products.
    assert found["flops_per_step"] == 50 * 2 * (2 * 1024 * 8 * 27 + 3 * 512 * 10)
    assert found["flops_per_second"] == pytest.approx(found["flops_per_step"] / ours["median"])
    assert found["share_of_matrix_peak"] == pytest.approx(
        found["flops_per_second"] / found["matrix_peak"]["flops_per_second"]
    )
    assert found["peak_memory_bytes"] > 0
    assert "warning: this machine was busy" not in outcome.err
    assert found["epoch_end_seconds"]["validation"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]  # no file is left


def test_without_json_it_prints_tables_and_synthetic_images_replace_missing_images(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    images = ("data.name=cifar10", "data.root=nowhere", "data.val_size=0")
    outcome = cifar("benchmark", "small.yaml", *images, *QUICK)
    assert outcome.code == 0, outcome.err
    assert (
        "warning: cifar10 is not here: SYNTHETIC images of the same shape replace it, which take the same time; "
        "`cifar data fetch cifar10` gets the real ones\n" in outcome.err
    )
    for row in ("cifar train", "the same by hand", "the tutorials' loop", "with the stopwatch"):
        assert f"\n  {row}" in outcome.out
    for part in ("data", "forward", "backward", "optimizer", "logging", "rest"):
        assert f"\n  {part} " in outcome.out
    tables = outcome.out.partition("times as fast as")[0].splitlines()
    assert max(len(line.rstrip()) for line in tables[:-1]) <= 80
    assert outcome.err.splitlines()[-1] == f"next: cifar train --config small.yaml {' '.join(images)}"


def test_smaller_images_and_hard_examples_are_off_and_a_note_says_so(cifar: Callable[..., Any]) -> None:
    # Ends at the images, since synthetic images have another shape.
    outcome = cifar("benchmark", "cnn", "data.augment.sizes=[16]", "data.name=fashion_mnist", "data.root=nowhere")
    assert outcome.code == 1
    assert outcome.err.startswith(
        "every step is timed at the full size of the images; epochs of smaller images take less time\nerror: "
    )
    outcome = cifar(
        "benchmark", "cnn", "data.hard_example_fractions=[1, 0.5]", "data.name=fashion_mnist", "data.root=nowhere"
    )
    assert outcome.err.startswith(
        "every epoch is timed with all images; epochs of hard examples take less time\nerror: "
    )


def test_a_busy_machine_is_warned_of(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (3.21, 0.0, 0.0))
    outcome = cifar("benchmark", "small.yaml", "data.batch_size=501")  # ends before anything is timed
    assert outcome.err.startswith(
        "warning: this machine was busy in the last minute (load average 3.2), so that the figures may be wrong; "
        "try again while nothing else runs\nerror: data.batch_size: "
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["small.yaml", "--against", "tutorail"],
            2,
            "error: --against: expected one of tutorial, plain, found 'tutorail'; did you mean 'tutorial'?",
        ),
        (["small.yaml", "cnn"], 2, "error: expected one configuration, found 2: small.yaml cnn; leave out all but one"),
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
def test_a_mistake_is_reported_with_its_mend(
    words: list[str], code: int, message: str, cifar: Callable[..., Any]
) -> None:
    outcome = cifar("benchmark", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err

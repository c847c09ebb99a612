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


@pytest.mark.usefixtures("reference_here")
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


@pytest.mark.parametrize("against", ["tutorial", "plain"])
def test_augmentations_that_the_reference_leaves_out_are_warned_of(cifar: Callable[..., Any], against: str) -> None:
    words = ("data.name=fashion_mnist", "data.root=nowhere", "data.augment={rotation: 10, mixup: 0.2, cutmix: 1.0}")
    outcome = cifar("benchmark", "cnn", *words, "--against", against)  # ends at the images, as above
    warning = (
        "warning: the tutorials' loop leaves out mixup and cutmix, for which torchvision has no transform of single "
        "images: it does less than the training, which is faster in comparison than the figures say\n"
    )
    assert outcome.err.partition("error: ")[0] == (warning if against == "tutorial" else "")


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


# --- the suite -----------------------------------------------------------------------------------------------------


def figures(*steps: float) -> dict[str, Any]:
    """Returns the figures of a suite whose cnn took these milliseconds against a reference of 10."""
    summary = {"median": sorted(steps)[len(steps) // 2], "confidence_95": None, "lowest": min(steps)}
    summary |= {"highest": max(steps), "per_round": list(steps)}
    reference = {**summary, "per_round": [10.0] * len(steps)}
    cnn = {
        "step_seconds": {"ours": summary, "reference": reference},
        "speedup": summary,
        "against": "tutorial",
        "peak_memory_bytes": 2**30,
    }
    return {
        "machine": {"processor": "Xeon", "packages": {"torch": "2.14"}},
        "benchmarks": {"cnn": cnn},
        "commands": {"cifar --help": {"seconds": summary, "ratio": summary}},
    }


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns a function that has the suite find these milliseconds."""

    def find(*steps: float) -> None:
        monkeypatch.setattr("cifar_cli.benchmark.suite.run_suite", lambda **limits: figures(*steps))

    return find


def test_a_suite_is_printed_written_and_compared(
    cifar: Callable[..., Any], measure: Callable[..., None], tmp_path: Path
) -> None:
    measure(5.0, 5.1, 5.2)
    outcome = cifar("benchmark", "--suite", "--json", "suite.json")
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / "suite.json").read_text()) == figures(5.0, 5.1, 5.2)
    assert "cnn " in outcome.out
    assert "next: cifar benchmark --suite --compare suite.json" in outcome.err
    assert cifar("benchmark", "--suite", "--compare", "suite.json").code == 0
    measure(5.3, 5.4, 5.5)
    outcome = cifar("benchmark", "--suite", "--compare", "suite.json")
    assert outcome.code == 1
    assert "error: --compare suite.json: expected no part to be slower, found cnn, cifar --help slower" in outcome.err
    assert "slower" in outcome.out


def test_a_part_that_the_earlier_suite_lacks_is_told(
    cifar: Callable[..., Any], measure: Callable[..., None], tmp_path: Path
) -> None:
    measure(5.0, 5.1)
    earlier = figures(5.0, 5.1)
    del earlier["commands"]["cifar --help"]
    (tmp_path / "earlier.json").write_text(json.dumps(earlier))
    outcome = cifar("benchmark", "--suite", "--compare", "earlier.json")
    assert outcome.code == 0
    assert "warning: earlier.json: not compared, as only one of the two suites has it: cifar --help\n" in outcome.err


def test_json_without_a_file_goes_to_stdout(cifar: Callable[..., Any], measure: Callable[..., None]) -> None:
    measure(5.0, 5.1)
    outcome = cifar("benchmark", "--suite", "--json")
    assert json.loads(outcome.out) == figures(5.0, 5.1)


def test_figures_that_cannot_be_written_are_printed(
    cifar: Callable[..., Any], measure: Callable[..., None], tmp_path: Path
) -> None:
    measure(5.0, 5.1)
    (tmp_path / "taken").mkdir()
    outcome = cifar("benchmark", "--suite", "--json", "taken")
    assert (outcome.code, json.loads(outcome.out)) == (1, figures(5.0, 5.1))
    assert "error: taken: could not be written" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--suite", "cnn"], "--suite: expected no configuration and no key=value, since its parts are fixed, found"),
        (["--suite", "--json", "cnn"], "--suite: expected no configuration and no key=value"),
        (["--suite", "seed=1"], "--suite: expected no configuration and no key=value"),
        (["--suite", "--against", "plain"], "--suite: expected no --against"),
        (["--compare", "suite.json"], "--compare: expected --suite beside it"),
        (["--suite", "--compare", "absent.json"], "--compare absent.json: expected the file of a suite, found none"),
        (
            ["--suite", "--compare", "other.json"],
            "--compare other.json: expected the figures of a suite, found another",
        ),
        (["--suite", "--json", "absent/suite.json"], "--json absent/suite.json: expected a file in an existing folder"),
    ],
)
def test_a_mistake_is_told_before_anything_is_timed(
    words: list[str], message: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "other.json").write_text('{"benchmarks": []}')
    outcome = cifar("benchmark", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err

"""What is said where a run is resumed with other native kernels than it began with."""

from pathlib import Path

import pytest
import torch

from cifar_cli import config
from cifar_cli.kernels.native_library import native_library
from cifar_cli.runner.kernels_of_run import kernels_for_run, kernels_in_words, warn_of_other_kernels
from cifar_cli.runs.json_files import write_json
from cifar_cli.training.runtime import Runtime

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().words)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("before", "is_told"),
    [
        (kernels_for_run(CPU), False),
        (f"{kernels_in_words(CPU)}, native.c 0123456789ab", True),
        (kernels_in_words(CPU), True),  # as versions wrote it that did not name the source
        (None, False),
    ],
    ids=["the same", "another source", "a source without a name", "none"],
)
def test_a_run_that_began_with_another_source_is_told_that_bits_may_differ(
    before: str | None, is_told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = Runtime(CPU, "fp32")
    write_json(tmp_path / "env.json", {"device": runtime.device_name, "native_kernels": before})
    warn_of_other_kernels(config.load("cnn"), runtime, environment=tmp_path / "env.json")
    said = " ".join(capsys.readouterr().err.split())
    assert (f"native kernels {before}; those here are {kernels_for_run(CPU)}" in said) is is_told
    assert bool(said) is is_told

"""`cifar export`: its output, the file's place, and what it refuses."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cifar_cli.data.datasets.decode_image import decode_image
from cifar_cli.export.table import FORMATS
from cifar_cli.runs.checkpoint import load_checkpoint


def test_the_newest_run_is_written_into_its_folder_and_compared(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("export", "--to", "safetensors")
    assert outcome.code == 0
    path = Path("logs", run.name, "export", f"{run.name}.safetensors")
    first, *comparison = outcome.out.splitlines()
    assert first.startswith(f"{path}  ")
    assert " ".join(comparison).startswith("read again and compared on 100 test images: the logits differ by ")
    assert outcome.err.splitlines()[-1] == f"next: cifar export --to python logs/{run.name}"
    from safetensors.torch import load_file

    saved = load_checkpoint(run / "checkpoints" / "best.pt")["model"]
    assert {name: weight.tolist() for name, weight in load_file(run.parent.parent / path).items()} == {
        name: weight.tolist() for name, weight in saved.items()
    }


def test_the_exported_program_classifies_a_picture(run: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("export", "--to", "python", run, "--output", "net.py")
    assert outcome.code == 0
    assert outcome.err.splitlines()[-1] == "next: python net.py picture.png"
    Image.new("RGB", (50, 40), "red").save(tmp_path / "picture.png")
    command = [sys.executable, "-I", "net.py", "picture.png"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    path, *words = process.stdout.split()
    assert (path, words.count("%")) == ("picture.png", 3)
    assert sum(float(word) for word in words if word[0].isdigit()) <= 100.1


def test_the_exported_program_prepares_a_picture_as_a_training_on_a_folder_does(
    run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    assert cifar("export", "--to", "python", run, "--output", "net.py").code == 0
    load_image = runpy.run_path(str(tmp_path / "net.py"))["load_image"]
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 4), np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    Image.fromarray(noise[:, :, :3]).save(tmp_path / "turned.jpg", exif=turned)
    Image.fromarray(noise).save(tmp_path / "transparent.png")
    Image.fromarray(noise[:, :, 0]).save(tmp_path / "grey.png")
    Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257).save(tmp_path / "grey16.png")
    for name in ("turned.jpg", "transparent.png", "grey.png", "grey16.png"):
        expected = decode_image(tmp_path / name, size=32)
        assert (load_image(str(tmp_path / name))[0] * 255).round().byte().tolist() == expected.tolist(), name


def test_json_has_the_files_and_the_comparison(run: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("export", "--to", "torch.export", "--images", "40", "--weights", "last", "--json")
    found = json.loads(outcome.out)
    (file,) = found["files"]
    assert file == f"logs/{run.name}/export/{run.name}.pt2"
    assert found["bytes"] == (tmp_path / file).stat().st_size
    assert found["network"].startswith(f"run {run.name}, last weights")
    assert found["comparison"]["images"] == found["comparison"]["same_class"] == 40


def test_paths_of_this_machine_are_left_out(run: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    config = run / "config.yaml"
    saved = load_checkpoint(run / "checkpoints" / "best.pt")
    home = str(tmp_path / "private")
    saved["config"] = saved["config"].replace("root: null", f"root: {home}")
    torch.save(saved, run / "checkpoints" / "best.pt")
    assert home in saved["config"]
    assert config.is_file()
    assert cifar("export", "--to", "safetensors", "--output", "x.safetensors").code == 0
    assert home.encode() not in (tmp_path / "x.safetensors").read_bytes()


NO_FORMAT = "cifar export: expected --to onnx|safetensors|torch.export|python, found none"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, f"{NO_FORMAT}; write for example cifar export --to onnx"),
        (["onnx"], 2, f"{NO_FORMAT}; write cifar export --to onnx"),
        (["--to", "onxx"], 2, f"--to: expected one of {', '.join(FORMATS)}, found 'onxx'; did you mean 'onnx'?"),
        (["--to", "python"], 1, "logs: expected a run, found none yet; make one with: cifar train --config quickstart"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_mend(
    words: list[str], code: int, message: str, cifar: Callable[..., Any]
) -> None:
    outcome = cifar("export", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.splitlines()[-1] == f"error: {message}"


def test_a_file_that_cannot_be_written_is_an_error(run: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    outcome = cifar("export", "--to", "safetensors", "--output", "taken/x.safetensors")
    assert outcome.code == 1
    assert "taken/x.safetensors: could not be written: " in outcome.err

"""Files that are no checkpoints of this program, and what they are."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

WEIGHTS = {"weight": torch.zeros(2, 2)}


def save_old(path: Path) -> None:
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("name", "write", "finding"),
    [
        ("old.pt", save_old, "found a checkpoint in torch's format before version 1.6; save it again with a newer torch"),
        ("w.safetensors", lambda path: save_file(WEIGHTS, path), "found a safetensors file, which holds weights without"),
        ("x.yaml", lambda path: path.write_text("model: {name: mlp}\n"), "found a configuration; write --config x.yaml"),
        ("nb.ipynb", lambda path: path.write_text("{}"), "found a notebook; write its network into a file"),
        ("page.pt", lambda path: path.write_text("\n<!DOCTYPE html><html>sign in</html>"), "found a web page; download the file itself"),
        ("dog.png", lambda path: Image.new("RGB", (9, 9)).save(path), "found a picture; name a run folder"),
    ],
)  # fmt: skip
def test_a_file_in_the_place_of_a_run_is_recognized(
    name: str, write: Callable[[Path], Any], finding: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    write(tmp_path / name)
    outcome = cifar("eval", name)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {name}: expected a run or a checkpoint of this program, {finding}")


def test_plain_weights_are_told_what_they_are_good_for(cifar: Callable[..., Any], tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "plain.pt")
    outcome = cifar("eval", "plain.pt")
    assert outcome.code == 1
    assert outcome.err == (
        "error: plain.pt: expected a checkpoint of this program, found weights alone, without a configuration; begin a "
        "training with them: cifar train --config FILE --from plain.pt\n"
    )

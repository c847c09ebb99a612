"""The manual's lines that read best.pt in plain torch give the accuracy that the run has on the test images."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.builders.load_model import load_model
from cifar_cli.data.datasets.open_dataset import Splits

PAGE = Path(__file__).parents[2] / "cifar_cli" / "docs" / "run_folder.md"
LINES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[-1]


def test_best_pt_is_read_in_plain_torch_as_the_manual_says(trained: tuple[Path, Any], small_splits: Splits) -> None:
    run = trained[0]
    network = load_model(str(run), log_dir=run.parent).model
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    names: dict[str, Any] = {
        "torch": torch,
        "run": run,
        "env": json.loads((run / "env.json").read_text()),
        "network": network,
        "images": small_splits.test.images / 255,
    }
    exec(LINES, names)
    accuracy = (names["logits"].argmax(dim=1) == small_splits.test.labels).float().mean().item()
    assert accuracy == pytest.approx(json.loads((run / "summary.json").read_text())["test"]["accuracy"])

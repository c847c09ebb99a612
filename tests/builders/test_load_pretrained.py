"""The network that comes along: loaded from its file, and by --pretrained in the commands."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.builders.load_pretrained import load_pretrained
from cifar_cli.errors import CheckpointError
from cifar_cli.pretrained.card import read_card


@pytest.mark.usefixtures("pretrained")
def test_the_network_has_its_facts(tmp_path: Path) -> None:
    opened, card = load_pretrained(log_dir=tmp_path), read_card()
    assert card is not None
    assert opened.facts is not None
    assert opened.facts.calibration is not None
    assert opened.facts.mean == (0.500, 0.505, 0.501)
    assert len(opened.facts.class_names) == 10
    assert opened.facts.calibration.temperature == card.temperature
    assert opened.run.path == tmp_path / "pretrained-compact"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "compact.json").unlink(), "expected the network that comes along, found no such"),
        (lambda folder: (folder / "compact.safetensors").unlink(), "expected the network that comes along, found no"),
        (lambda folder: (folder / "compact.safetensors").write_bytes(b"?" * 99), "found a damaged one: "),
        (
            lambda folder: (folder / "compact.json").write_text(
                (folder / "compact.json")
                .read_text()
                .replace("kernel_size: 3", "kernel_size: 5")
                .replace("padding: 1", "padding: 2")
            ),
            "expected the weights of the network its configuration describes, found others",
        ),
        (
            lambda folder: (folder / "compact.json").write_text(
                (folder / "compact.json").read_text().replace("Conv2d", "os.system")
            ),
            "expected a network with its facts, found others: ",
        ),
    ],
)
def test_a_damaged_installation_is_told(
    change: Callable[[Path], object], message: str, packed: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(packed, tmp_path / "copy"))
    change(folder)
    with pytest.raises(CheckpointError) as caught:
        load_pretrained(log_dir=tmp_path, folder=folder)
    assert message in str(caught.value)


@pytest.mark.usefixtures("pretrained")
def test_eval_measures_what_the_card_says(cifar: Callable[..., Any]) -> None:
    outcome, card = cifar("eval", "--pretrained", "--json"), read_card()
    assert card is not None
    found = json.loads(outcome.out)
    assert found["accuracy"] == pytest.approx(card.accuracy)
    assert found["network"].startswith("the network that comes along (compact, ")
    assert outcome.err.splitlines()[-1] == "next: cifar visualize-layer conv1 --pretrained"


@pytest.mark.parametrize(
    ("words", "next_command"),
    [
        (["explain"], "cifar explain --pretrained --layer conv1"),
        (["visualize-layer", "conv1", "--images", "1"], "tensorboard --logdir logs"),
        (["export", "--to", "safetensors"], "cifar export --to python --pretrained"),
    ],
)
@pytest.mark.usefixtures("pretrained")
def test_the_commands_take_it(words: list[str], next_command: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar(*words, "--pretrained")
    assert outcome.code == 0, outcome.err
    assert outcome.err.splitlines()[-1] == f"next: {next_command}"
    assert "the network that comes along" in outcome.err or words[0] == "visualize-layer"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["eval", "logs/x"], "a run (logs/x)"),
        (["explain", "--config", "mlp"], "--config (mlp)"),
        (["export", "--to", "onnx", "--weights", "last"], "--weights (last)"),
    ],
)
def test_another_network_beside_it_is_refused(words: list[str], found: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar(*words, "--pretrained")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"error: --pretrained: expected no other network, found {found}; leave one of the two out" in outcome.err

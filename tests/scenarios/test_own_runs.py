"""Runs of a person's own network: they are exported, moved and made longer by the commands that the program names."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

Cifar = Callable[..., Any]

NET = """\
import helper
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(8)
        self.fc1 = nn.Linear(helper.FEATURES, 10)

    def forward(self, x):
        return self.fc1(self.pool(x).flatten(1))
"""
OWN = ("--model", "my_net.py:Net")
SMALL = ["data.name=synthetic", "data.val_size=100", "data.batch_size=100", "train.epochs=1", "train.device=cpu"]
SMALL += ["train.precision=fp32", "log.images_every=0"]


@pytest.fixture(scope="module")
def folder(cifar_in: Cifar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network that imports its neighbour, and a finished run of it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "helper.py").write_text("FEATURES = 3 * 4 * 4\n")
    (folder / "my_net.py").write_text(NET)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "helper", raising=False)
        outcome = cifar_in(folder, "train", *OWN, *SMALL)
    assert outcome.code == 0, outcome.err
    (run,) = (folder / "logs").iterdir()
    assert (
        f"warning: logs/{run.name}/model.py: a copy of my_net.py alone; what it imports from its folder, helper, is "
        f"not copied, so --trust-model cannot open this run: keep these files beside my_net.py"
    ) in outcome.err
    return folder


@pytest.fixture
def run(folder: Path) -> str:
    (run,) = (folder / "logs").iterdir()
    return f"logs/{run.name}"


def next_words(outcome: Any) -> list[str]:
    """Returns the command that the last line names, without `cifar`."""
    cifar, *words = shlex.split(outcome.err.splitlines()[-1].removeprefix("next: "))
    assert cifar == "cifar"
    return words


def test_it_is_exported_and_each_next_command_can_be_run(folder: Path, run: str, cifar_in: Cifar) -> None:
    first = cifar_in(folder, "export", "--to", "safetensors", *OWN)
    assert first.code == 0, first.err
    assert next_words(first) == ["export", "--to", "torch.export", run, *OWN]
    second = cifar_in(folder, *next_words(first))
    assert second.code == 0, second.err
    graph = torch.export.load(str(folder / run / "export" / f"{Path(run).name}.pt2")).module()
    assert graph(torch.zeros(5, 3, 32, 32)).shape == (5, 10)
    assert next_words(second) == ["eval", run, *OWN]
    assert cifar_in(folder, *next_words(second)).code == 0


def test_it_is_no_program_in_plain_pytorch_which_is_said_before_anything_is_read(
    folder: Path, run: str, cifar_in: Cifar
) -> None:
    for words, found in ((OWN, "my_net.py:Net"), (("--trust-model",), "a network from a file of its own")):
        outcome = cifar_in(folder, "export", "--to", "python", run, *words)
        assert outcome.code == 2
        assert outcome.err == (
            f"error: --to python: expected a network of the program, found {found}, which is Python already; "
            f"write --to torch.export\n"
        )


@pytest.mark.parametrize(
    ("overrides", "advice"),
    [
        ([], ["--config", "RUN/config.yaml", "train.epochs=2", *OWN]),
        (["optimizer.lr=0.5"], ["--config", "RUN/config.yaml", "optimizer.lr=0.5", *OWN]),
        (["train.epochs=3"], ["--config", "RUN/config.yaml", "train.epochs=3", *OWN]),
    ],
)
def test_advice_on_a_run_that_cannot_be_resumed_names_the_file(
    overrides: list[str], advice: list[str], folder: Path, run: str, cifar_in: Cifar
) -> None:
    refused = cifar_in(folder, "train", "--resume", run, *OWN, *overrides)
    assert refused.code == 2
    words = [word.replace("RUN", run) for word in advice]
    assert refused.err.endswith(f"with: cifar train {shlex.join(words)}\n")
    assert cifar_in(folder, "train", *words, "--dry-run").code == 0


def test_the_path_of_the_file_is_expanded_as_every_path_is(
    folder: Path, cifar_in: Cifar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("NETS", str(folder))
    for file in ("~/my_net.py", "$NETS/my_net.py", "${NETS}/my_net.py"):
        outcome = cifar_in(folder, "explain", "--model", f"{file}:Net", "data.name=synthetic")
        assert outcome.code == 0, outcome.err
    outcome = cifar_in(folder, "explain", "--model", "$NOWHERE/my_net.py:Net")
    assert (outcome.code, "error: --model: $NOWHERE/my_net.py: " in outcome.err) == (2, True)


def test_the_copy_imports_nothing_from_its_run_folder_and_says_that_a_neighbour_is_missing(
    folder: Path, run: str, cifar_in: Cifar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "helper", raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(folder)])
    planted = folder / run / "helper.py"
    planted.write_text("from pathlib import Path\n\nPath('ran.txt').touch()\nFEATURES = 48\n")
    outcome = cifar_in(folder, "eval", run, "--trust-model")
    planted.unlink()
    assert not (folder / "ran.txt").exists()
    assert outcome.code == 2
    assert outcome.err == (
        f"error: {run}/model.py:1: expected the module 'helper', found none of this name here; a run folder keeps one "
        f"file alone: name the file among its neighbours, --model my_net.py:Net\n"
    )

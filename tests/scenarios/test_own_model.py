"""A person's own network, from a file that --model names: every command works on it, and only a named file is run."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cifar_cli.console.completion import complete_own_model

Cifar = Callable[..., Any]

# As a tutorial has it: a view with fixed numbers, functions of torch.nn.functional, dropout; and it leaves a trace.
NET = """\
from pathlib import Path

import torch.nn as nn
import torch.nn.functional as F

print("the file runs")
Path("ran.txt").open("a").write("x")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(4)
        self.drop = nn.Dropout(0.2)
        self.fc1 = nn.Linear(6 * 7 * 7, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = x.view(-1, 6 * 7 * 7)
        return self.fc1(self.drop(x))


def wide(num_classes, image_shape):
    channels, height, width = image_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, num_classes))
"""
OWN = ("--model", "my_net.py:Net")
SMALL = ["data.name=synthetic", "data.val_size=100", "data.batch_size=50", "train.epochs=2", "train.device=cpu"]
SMALL += ["train.precision=fp32"]
STEPS_PER_EPOCH = 10


@pytest.fixture(autouse=True)
def my_net(tmp_path: Path) -> Path:
    path = tmp_path / "my_net.py"
    path.write_text(NET)
    return path


def only_run(folder: Path) -> Path:
    (run,) = (folder / "logs").iterdir()
    return run


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    return weights


@pytest.fixture(scope="module")
def trained_once(cifar_in: Cifar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_net.py").write_text(NET)
    outcome = cifar_in(folder, "train", *OWN, *SMALL)
    assert outcome.code == 0, outcome.err
    return folder


@pytest.fixture
def own_run(trained_once: Path, tmp_path: Path, my_net: Path) -> Path:
    """A finished run of the network in `logs/` of the test's own folder, its own copy, and the trace that it left."""
    shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)
    return only_run(tmp_path)


# --- what works -----------------------------------------------------------------------------------------------------


def test_it_trains_and_its_run_says_which_file_it_was_and_keeps_a_copy(
    own_run: Path, cifar: Cifar, my_net: Path
) -> None:
    assert own_run.name.startswith("my_net-Net-synthetic-")
    assert (own_run / "model.py").read_text() == NET
    assert json.loads((own_run / "summary.json").read_text())["model"] == "my_net.py:Net"
    shown = cifar("config", "show", own_run / "config.yaml")
    assert shown.code == 0
    assert "  name: file\n  file: my_net.py\n  attribute: Net\n  sha256: " in shown.out
    assert cifar("config", "validate", own_run / "config.yaml").code == 0


def test_a_finished_run_is_evaluated_explained_and_drawn_with_the_file_or_its_copy(
    own_run: Path, cifar: Cifar, my_net: Path
) -> None:
    summary = json.loads((own_run / "summary.json").read_text())
    for words in (OWN, ("--trust-model",)):
        measured = json.loads(cifar("eval", own_run, "--json", *words).out)  # what the file prints goes to stderr
        assert measured["accuracy"] == summary["test"]["accuracy"]
        explained = json.loads(cifar("explain", own_run, "--json", *words).out)
        assert explained["totals"]["parameters"] == summary["parameters"] == 456 + 2950
        assert cifar("visualize-layer", "conv1", own_run, *words).code == 0
        my_net.rename(my_net.with_name("elsewhere.py")) if words == OWN else None
    worked = cifar("explain", own_run, "--layer", "fc1", "--trust-model")
    assert worked.code == 0, worked.err
    for picture in ("--all", "--compare", "--exciting", "--grad-cam"):
        words = [picture] if picture == "--all" else ["conv1", picture]
        assert cifar("visualize-layer", *words, own_run, "--trust-model").code == 0
    assert cifar("visualize-layer", "conv1", "--over-time", own_run, "--trust-model").code == 0


def test_it_says_what_it_sees_with_the_file_or_its_copy_and_never_without(
    own_run: Path, cifar: Cifar, my_net: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (40, 32), "red").save(tmp_path / "photo.png")
    runs_of_the_file = len((tmp_path / "ran.txt").read_text())
    refused = cifar("predict", "photo.png")
    assert refused.code == 2
    assert "write --model my_net.py:Net, or --trust-model to run the copy of the file in the run folder" in refused.err
    assert len((tmp_path / "ran.txt").read_text()) == runs_of_the_file
    named = cifar("predict", "photo.png", "--json", *OWN)
    my_net.unlink()
    copied = cifar("predict", "photo.png", "--json", "--run", own_run.name, "--trust-model", "--grad-cam")
    assert (named.code, copied.code) == (0, 0), copied.err
    assert json.loads(copied.out) == json.loads(named.out)
    assert (own_run / "images" / "predict-photo-grad-cam.png").is_file()
    assert named.err.splitlines()[-1].endswith("--model my_net.py:Net --grad-cam")


def test_its_next_commands_name_the_file_and_can_be_typed(own_run: Path, cifar: Cifar) -> None:
    words = cifar("eval", *OWN).err.splitlines()[-1].removeprefix("next: cifar ").split()
    assert words == ["visualize-layer", "conv1", f"logs/{own_run.name}", *OWN]
    assert cifar(*words).code == 0


def test_an_interrupted_run_is_resumed_to_the_bit_with_the_file_or_its_copy(
    cifar: Cifar, own_run: Path, tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    for words in (OWN, ("--trust-model",)):
        before = set((tmp_path / "logs").iterdir())
        with at_step(STEPS_PER_EPOCH + 2, lambda state: signal.raise_signal(signal.SIGINT)):
            stopped = cifar("train", *OWN, *SMALL)
        assert stopped.code == 130
        (run,) = set((tmp_path / "logs").iterdir()) - before
        assert f"continue with: cifar train --resume logs/{run.name} --model my_net.py:Net" in stopped.err
        resumed = cifar("train", "--resume", run, *words)
        assert resumed.code == 0, resumed.err
        uninterrupted = weights_of(own_run)
        assert [key for key, value in weights_of(run).items() if not torch.equal(value, uninterrupted[key])] == []


def test_several_seeds_are_trained_and_a_stopped_group_is_resumed_with_its_copy(
    cifar: Cifar, tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(STEPS_PER_EPOCH + 2, lambda state: signal.raise_signal(signal.SIGINT)):
        assert cifar("train", *OWN, *SMALL, "--seeds", "2").code == 130
    (group,) = (path.parent for path in (tmp_path / "logs").glob("*/group.yaml"))
    assert cifar("train", "--resume", group).code == 2
    resumed = cifar("train", "--resume", group, "--trust-model")
    assert resumed.code == 0, resumed.err
    assert json.loads((group / "summary.json").read_text())["test"]["n"] == 2
    assert len(list((tmp_path / "logs").glob("*/model.py"))) == 3


def test_a_function_gets_the_shape_of_the_images_and_the_number_of_classes(cifar: Cifar) -> None:
    explained = json.loads(cifar("explain", "my_net.py:wide", "--json").out)
    assert explained["totals"]["parameters"] == 3072 * 10 + 10
    other = cifar("explain", "--config", "mlp", "--model", "my_net.py:wide", "data.name=fashion_mnist", "--json")
    assert json.loads(other.out)["totals"]["parameters"] == 784 * 10 + 10


def test_a_run_is_repeated_from_its_configuration(own_run: Path, cifar: Cifar, tmp_path: Path) -> None:
    before = set((tmp_path / "logs").iterdir())
    repeated = cifar("train", "--config", own_run / "config.yaml", "--trust-model")
    assert repeated.code == 0, repeated.err
    (again,) = set((tmp_path / "logs").iterdir()) - before
    first = weights_of(own_run)
    assert all(torch.equal(value, first[key]) for key, value in weights_of(again).items())


def test_the_newest_run_of_a_network_is_taken_else_the_network_untrained(cifar: Cifar) -> None:
    assert "this is the untrained network of my_net.py:Net" in cifar("explain", *OWN).err
    assert cifar("train", *OWN, *SMALL).code == 0
    assert "this is run my_net-Net-synthetic-" in cifar("explain", *OWN).err
    assert "this is the untrained network of my_net.py:Net" in cifar("explain", "my_net.py:Net").err
    assert "this is the untrained network of my_net.py:wide" in cifar("explain", "--model", "my_net.py:wide").err


@pytest.mark.usefixtures("short_benchmarks")
def test_it_is_timed(cifar: Cifar) -> None:
    outcome = cifar("benchmark", *OWN, *SMALL, "--seconds", "1", "--rounds", "2", "--json")
    assert outcome.code == 0, outcome.err
    json.loads(outcome.out)


HARD = """\
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pooled = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x, scale=1.0):
        return x + scale * self.pooled(x).relu_()


class Net(nn.Module):
    def __init__(self, num_classes, image_shape):
        super().__init__()
        self.stem = nn.Conv2d(image_shape[0], 8, 3, stride=4)
        self.block = Block(8)
        self.blocks = nn.ModuleList(Block(8) for _ in range(2))
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.unused = nn.Linear(3, 4)
        self.mask = torch.ones(1, 1, 8, 8)
        self.norm = nn.BatchNorm1d(16)
        self.head = nn.Linear(16, num_classes)

    def forward(self, x):
        if torch.jit.is_tracing():
            raise RuntimeError("not with a tracer")
        x = self.block(self.block(self.stem(x) * self.mask))
        for block in self.blocks:
            if not self.training or random.random() < 0.7:
                x = block(x, scale=float(np.random.rand()) if self.training else 0.5)
        x, (hidden, cell) = self.lstm(x.flatten(2).transpose(1, 2))
        x, _ = self.attention(x, x, x)
        x = x.mean(dim=1)
        if x.abs().max().item() > 1e9:
            print("large")
        return self.head(F.dropout(self.norm(x), 0.1, self.training))
"""


def test_a_network_with_all_that_makes_trouble_works_and_is_resumed_to_the_bit(
    cifar: Cifar, tmp_path: Path, at_step: Callable[..., Any], my_net: Path
) -> None:
    # Layers that give tuples, are never called or twice; no graph can be traced; chance of Python and NumPy.
    my_net.write_text(HARD)
    words = ["train", *OWN, *SMALL, "log.histograms_every=1", "log.feature_layers=[stem]"]
    whole = cifar(*words)
    assert whole.code == 0, whole.err
    assert "TensorBoard gets no graph of this network, as torch cannot trace it: not with a tracer" in whole.err
    assert "forward did not use " in whole.err
    first = only_run(tmp_path)
    with at_step(STEPS_PER_EPOCH + 2, lambda state: signal.raise_signal(signal.SIGINT)):
        assert cifar(*words).code == 130
    (second,) = set((tmp_path / "logs").iterdir()) - {first}
    assert cifar("train", "--resume", second, *OWN).code == 0
    uninterrupted = weights_of(first)
    assert [key for key, value in weights_of(second).items() if not torch.equal(value, uninterrupted[key])] == []
    assert cifar("explain", *OWN).code == 0
    assert cifar("visualize-layer", "--all", *OWN).code == 0


def test_a_layer_without_a_picture_is_told_before_there_is_a_run(cifar: Cifar, tmp_path: Path, my_net: Path) -> None:
    my_net.write_text(HARD)
    for layer, finding in (("unused", "is never called when the model runs"), ("lstm", "gives a tuple, not a tensor")):
        outcome = cifar("train", *OWN, *SMALL, f"log.feature_layers=[{layer}]")
        assert outcome.code == 2
        assert finding in outcome.err
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("Conv2d(3, 6, 3)", "6×30×30"),
        ("MaxPool2d(3, ceil_mode=False)", "3×10×10"),
        ("Sigmoid()", "3×32×32"),
        ("ReLU(True)", "3×32×32"),
    ],
)
def test_a_tutorials_network_of_one_layer_is_explained_and_drawn_and_not_trained(
    layer: str, shape: str, cifar: Cifar, my_net: Path
) -> None:
    my_net.write_text(
        "import torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self):\n"
        f"        super(Model, self).__init__()\n        self.relu1 = nn.ReLU()\n        self.layer = nn.{layer}\n\n"
        "    def forward(self, input):\n        output = self.layer(input)\n        return output\n\n\n"
        "model = Model()\nprint(model)\n"
    )
    explained = cifar("explain", "my_net.py:Model")
    assert shape in explained.out
    assert ("takes no FLOPs and no memory for its activations" in explained.out) == (layer == "ReLU(True)")
    assert explained.err.splitlines()[-1].endswith("--model my_net.py:Model --layer layer")  # relu1 is never called
    drawn = cifar("visualize-layer", "layer", "--model", "my_net.py:Model", *SMALL[:2])
    assert drawn.code == 0, drawn.err
    for command in ("train", "benchmark"):
        refused = cifar(command, "--model", "my_net.py:Model", *SMALL)
        assert refused.code == 2
        assert "my_net.py:5: expected one score for each of the 10 classes of synthetic" in refused.err


def test_a_network_that_fails_later_is_told_with_its_line_and_with_debug_as_torch_tells_it(
    cifar: Cifar, my_net: Path
) -> None:
    late = "        if self.training and len(x) == 50:\n            raise ValueError('late')\n        x = self.pool("
    my_net.write_text(NET.replace("        x = self.pool(", late))
    outcome = cifar("train", *OWN, *SMALL)
    assert outcome.code == 2
    assert "error: my_net.py:20: the line `raise ValueError('late')` failed with ValueError: late; " in outcome.err
    with pytest.raises(ValueError, match="late"):
        cifar("train", *OWN, *SMALL, "--debug")


def test_the_option_completes_the_classes_of_the_python_files_here(tmp_path: Path, my_net: Path) -> None:
    (tmp_path / "broken.py").write_text("class Net(\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert complete_own_model("my") == complete_own_model("") == ["my_net.py:Net"]
        assert complete_own_model("other") == []
    assert not (tmp_path / "ran.txt").exists()


# --- nothing runs by itself -----------------------------------------------------------------------------------------


def assert_refused_and_nothing_ran(outcome: Any, folder: Path, message: str) -> None:
    assert outcome.code == 2, outcome.err
    assert message in outcome.err
    assert not (folder / "ran.txt").exists()


COMMANDS_ON_A_RUN = [
    ["eval", "RUN"],
    ["explain", "RUN"],
    ["visualize-layer", "conv1", "RUN"],
    ["visualize-layer", "--all", "RUN/checkpoints/last.pt"],
    ["train", "--resume", "RUN"],
    ["train", "--config", "RUN/config.yaml"],
    ["explain", "RUN/config.yaml"],
    ["benchmark", "RUN/config.yaml"],
    ["visualize-layer", "conv1", "--config", "RUN/config.yaml"],
]


@pytest.mark.parametrize("words", COMMANDS_ON_A_RUN, ids=" ".join)
def test_a_run_folder_runs_nothing_by_itself_and_the_message_says_how(
    words: list[str], own_run: Path, cifar: Cifar, tmp_path: Path
) -> None:
    (tmp_path / "ran.txt").unlink()
    outcome = cifar(*(word.replace("RUN", str(own_run)) for word in words))
    message = "write --model my_net.py:Net, or --trust-model to run the copy of the file in the run folder"
    assert_refused_and_nothing_ran(outcome, tmp_path, message)


@pytest.mark.parametrize(
    "model",
    [
        "{name: 'my_net.py:Net'}",
        "{name: my_net:Net}",
        "'my_net.py:Net'",
        "{name: file, file: my_net.py, attribute: Net}",
        "{name: file, file: my_net.py, attribute: Net, sha256: SHA}",
        "{name: file, file: 'my_net.py', attribute: '__import__', sha256: SHA}",
        "{name: sequential, target: 'my_net:Net', layers: [{a: Flatten}]}",
    ],
)
@pytest.mark.parametrize("as_override", [False, True])
def test_a_configuration_or_an_override_runs_nothing(
    model: str, as_override: bool, cifar: Cifar, tmp_path: Path, my_net: Path
) -> None:
    import hashlib

    model = model.replace("SHA", hashlib.sha256(my_net.read_bytes()).hexdigest())
    (tmp_path / "own.yaml").write_text("data: {name: synthetic}\n" + ("" if as_override else f"model: {model}\n"))
    words = ["own.yaml", *([f"model={model}"] if as_override else [])]
    for command in (["train", "--config"], ["explain"], ["benchmark"], ["visualize-layer", "conv1", "--config"]):
        outcome = cifar(*command, *words)
        assert outcome.code == 2, (command, outcome.err)
        assert "--model my_net.py:Net" in outcome.err or "model" in outcome.err
        assert not (tmp_path / "ran.txt").exists()


def test_trust_in_a_copy_ends_where_the_copy_was_changed(own_run: Path, cifar: Cifar, tmp_path: Path) -> None:
    (tmp_path / "ran.txt").unlink()
    (own_run / "model.py").write_text(NET + "\n# changed\n")
    outcome = cifar("eval", own_run, "--trust-model")
    assert_refused_and_nothing_ran(outcome, tmp_path, "found a changed one; name the file: --model my_net.py:Net")


def test_a_changed_file_is_not_resumed_and_looked_at_with_a_warning(own_run: Path, cifar: Cifar, my_net: Path) -> None:
    my_net.write_text(NET + "\n# changed\n")
    looked_at = cifar("eval", own_run, *OWN)
    assert looked_at.code == 0
    assert "as it was, found that my_net.py has changed since; --trust-model takes the copy" in looked_at.err
    resumed = cifar("train", "--resume", own_run, *OWN)
    assert resumed.code == 2
    assert "my_net.py has changed since; write --trust-model to go on with the run's copy of it" in resumed.err


def test_a_network_of_the_program_needs_no_trust(run: Path, cifar: Cifar) -> None:
    outcome = cifar("eval", run, *OWN)
    assert outcome.code == 2
    assert "expected a network from a file, found sequential; leave --model my_net.py:Net out" in outcome.err
    assert cifar("eval", run, "--trust-model").code == 2

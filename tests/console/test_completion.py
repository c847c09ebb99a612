"""The words that Tab offers in bash, which cuts the words before the cursor at every `=`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.cli import VERBS
from cifar_cli.config import Experiment, load
from cifar_cli.config.config_files import builtins
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.lessons.table import LESSONS

REPORT_HEAVY_IMPORTS = """
import atexit, sys
heavy = ("torch", "torchvision", "matplotlib", "tensorboard", "numpy")
atexit.register(lambda: print("IMPORTED", *(name for name in heavy if name in sys.modules)))
from cifar_cli.__main__ import main
main()
"""

Press = Callable[..., list[str]]


def variables(words: tuple[str, ...]) -> dict[str, str]:
    """Returns the variables that the script for bash sets; the cursor is in the last word."""
    return {
        "_CIFAR_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["cifar", *words]),
        "COMP_CWORD": str(len(words)),
    }


@pytest.fixture
def press_tab(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Press:
    """Returns a function from the words of a command line, the last of which is incomplete, to the offered words."""

    def press(*words: str) -> list[str]:
        with monkeypatch.context() as patch:
            for name, value in variables(words).items():
                patch.setenv(name, value)
            outcome = cifar()
        assert (outcome.code, outcome.err) == (0, "")
        return str(outcome.out).split()

    return press


def test_the_value_of_an_option_is_completed_after_an_equals_sign_too(press_tab: Press) -> None:
    # bash cuts words at the sign.
    assert press_tab("train", "--config", "=", "se") == ["sequential"]
    assert "sequential" in press_tab("train", "--config", "=")
    assert press_tab("train", "--config", "=", "mlp", "train.epo") == press_tab("train", "--config", "mlp", "train.epo")
    assert press_tab("train", "--config", "=", "mlp", "data.name", "=", "fash") == ["fashion_mnist"]


def test_commands_and_options_are_completed(press_tab: Press) -> None:
    assert press_tab("") == list(VERBS)
    assert press_tab("vis") == ["visualize-layer"]
    assert press_tab("config", "") == ["list", "show", "copy", "validate"]
    assert "--config" in press_tab("train", "--c")
    assert press_tab("data", "fetch", "--r") == ["--root"]
    assert press_tab("doctor", "--m") == ["--mirrors"]


def test_sweep_completes_keys_and_with_resume_sweeps(press_tab: Callable[..., list[str]], tmp_path: Path) -> None:
    assert "model.widths=" in press_tab("sweep", "--config", "cnn", "model.")
    (tmp_path / "logs" / "cnn-sweep-1").mkdir(parents=True)
    (tmp_path / "logs" / "cnn-sweep-1" / "sweep.yaml").touch()
    assert press_tab("sweep", "--resume", "") == ["cnn-sweep-1"]
    assert press_tab("sweep", "--resume", "logs/c") == ["logs/cnn-sweep-1"]


@pytest.mark.parametrize("command", ["train", "eval", "visualize-layer", "explain"])
def test_configurations_are_completed_with_built_ins_and_yaml_files(
    command: str, press_tab: Press, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "net.yml").touch()
    assert press_tab(command, "--config", "") == [*builtins(), "mine/net.yml", "small.yaml"]
    assert press_tab(command, "--config", "sm") == ["small.yaml"]
    assert press_tab(command, "--config", "mine/") == ["mine/net.yml"]


@pytest.mark.parametrize("words", [("explain",), ("benchmark",), ("config", "show"), ("config", "validate")])
def test_a_configuration_without_an_option_is_completed(words: tuple[str, ...], press_tab: Press) -> None:
    assert press_tab(*words, "seq") == ["sequential"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("eval", "--weights", ""), ["best", "last"]),
        (("eval", "--split", "t"), ["test", "train"]),
        (("visualize-layer", "--mode", ""), ["tiles", "tutorial"]),
        (("benchmark", "--against", ""), ["tutorial", "plain"]),
        (("lesson", ""), [*LESSONS, "all"]),
        (("data", "fetch", "cifar10"), ["cifar10", "cifar100"]),
    ],
)
def test_words_of_a_fixed_set_are_completed(words: tuple[str, ...], offered: list[str], press_tab: Press) -> None:
    assert press_tab(*words) == offered


def test_every_key_of_the_chosen_configuration_is_completed(press_tab: Press) -> None:
    def keys(section: Any, prefix: str = "") -> list[str]:
        within = [(f"{prefix}{key}", value) for key, value in section]
        nested = {key: keys(value, f"{key}.") for key, value in within if hasattr(value, "model_fields_set")}
        return [name for key, _ in within for name in nested.get(key, [f"{key}="])]

    experiment: Experiment = load("cnn")
    assert sorted(press_tab("train", "--config", "cnn", "")) == sorted(keys(experiment))


def test_keys_are_those_of_the_model_and_the_optimizer_that_the_words_choose(press_tab: Press) -> None:
    assert press_tab("train", "--config", "cnn", "model.") == ["model.name=", "model.widths=", "model.dropout="]
    assert "optimizer.momentum=" in press_tab("train", "--config", "cnn", "optimizer.")
    chosen = press_tab("train", "--config", "cnn", "optimizer.name", "=", "adam", "optimizer.")
    assert "optimizer.lr=" in chosen
    assert "optimizer.momentum=" not in chosen
    assert "model.layers.conv1.out_channels=" in press_tab("train", "--config", "small.yaml", "model.layers.")
    mlp = press_tab("train", "--config", "small.yaml", "model.name", "=", "mlp", "model.")
    assert mlp == ["model.name=", "model.hidden="]


def test_a_single_key_is_offered_with_its_values_so_that_the_shell_adds_no_space(press_tab: Press) -> None:
    assert press_tab("train", "--config", "cnn", "data.norm") == [
        "data.normalize=",
        "data.normalize=true",
        "data.normalize=false",
    ]


@pytest.mark.parametrize("words", [("=",), ("=", ""), ("",)])
def test_values_are_completed_after_the_sign_at_which_bash_cuts(words: tuple[str, ...], press_tab: Press) -> None:
    assert press_tab("train", "--config", "cnn", "data.name", *words) == list(DATASETS)


def test_values_are_completed_within_a_word_as_in_other_shells(press_tab: Press) -> None:
    assert press_tab("train", "--config", "cnn", "data.name", "=", "cif") == ["cifar10", "cifar100"]
    assert press_tab("train", "--config", "cnn", "data.name=cif") == ["data.name=cifar10", "data.name=cifar100"]


def test_runs_are_completed_by_name_and_by_path(run: Path, press_tab: Press) -> None:
    assert run.name in press_tab("eval", "")
    assert press_tab("eval", "small") == [run.name]
    assert press_tab("train", "--resume", "small") == [run.name]
    assert press_tab("visualize-layer", "conv1", "small") == [run.name]
    assert press_tab("eval", "logs/") == [f"logs/{run.name}"]
    checkpoints = [f"logs/{run.name}/checkpoints/{name}.pt" for name in ("best", "last", "previous")]
    assert press_tab("explain", f"logs/{run.name}/check") == checkpoints
    run.parent.rename(run.parent.parent / "elsewhere")
    assert press_tab("eval", "small") == []
    assert press_tab("eval", "--log-dir", "elsewhere", "small") == [run.name]


def test_home_is_expanded_in_paths_and_an_unknown_variable_offers_nothing(
    run: Path, press_tab: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(run.parents[1]))
    monkeypatch.delenv("NOWHERE", raising=False)
    assert press_tab("eval", "~/logs/") == [f"~/logs/{run.name}"]
    assert press_tab("train", "--config", "$NOWHERE/") == []


def test_a_group_of_runs_can_be_resumed(press_tab: Press, tmp_path: Path) -> None:
    (tmp_path / "logs" / "mlp-seeds-1").mkdir(parents=True)
    (tmp_path / "logs" / "mlp-seeds-1" / "group.yaml").touch()
    assert press_tab("train", "--resume", "mlp") == ["mlp-seeds-1"]
    assert press_tab("eval", "mlp") == []


def test_for_a_run_only_the_changeable_keys_are_completed(run: Path, press_tab: Press) -> None:
    offered = press_tab("eval", run.name, "")
    assert offered == ["data.root=", "train.device=", "train.precision=", "evaluation.tta=", "evaluation.tta_fraction="]
    assert press_tab("explain", run.name, "") == ["data.root=", "train.device=", "train.precision="]
    machine = ["data.root=", "train.device=", "train.precision="]
    assert sorted(press_tab("train", "--resume", run.name, "")) == sorted(
        ["train.epochs=", "train.patience=", *machine]
    )
    assert press_tab("visualize-layer", "conv1", run.name, "") == []


LAYERS = ["conv1", "relu1", "pool1", "flatten", "dropout", "fc1"]


def test_weights_to_begin_with_are_files_runs_and_the_network_that_comes_along(
    run: Path, press_tab: Press, tmp_path: Path
) -> None:
    (tmp_path / "given.pth").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    offered = press_tab("train", "--config", "mlp", "--from", "")
    assert {"given.pth", "pretrained", run.name} <= set(offered)
    assert "notes.txt" not in offered


def test_pictures_and_the_run_of_a_prediction_are_completed(run: Path, press_tab: Press, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "a.jpg").write_bytes(b"")
    assert "holiday" in press_tab("predict", "hol")
    assert press_tab("predict", "holiday/") == ["holiday/a.jpg"]
    assert press_tab("predict", "x.jpg", "--run", "small") == [run.name]


def test_layers_are_those_of_the_network_that_the_other_words_name(run: Path, press_tab: Press) -> None:
    assert press_tab("visualize-layer", "") == LAYERS  # of the newest run
    assert press_tab("explain", "--layer", "") == LAYERS
    assert press_tab("explain", run.name, "--layer", "fc") == ["fc1"]
    assert press_tab("visualize-layer", "--config", "layers/relu", "") == ["relu"]
    assert press_tab("explain", "layers/conv1", "--layer", "") == ["conv1"]
    assert (
        press_tab("explain", "--config", "cnn", "--layer", "") == []
    )  # the names are known only after building the network
    shutil.rmtree(run)
    assert press_tab("visualize-layer", "") == [layer.name for layer in load("sequential").model.layers]


def test_layers_of_other_models_are_read_from_the_checkpoint(
    cifar: Callable[..., Any], press_tab: Press, tmp_path: Path
) -> None:
    words = ["model={name: cnn, widths: [4, 8]}", "train.epochs=1", "train.device=cpu", "data.name=synthetic"]
    assert cifar("train", "--config", "cnn", *words, "data.val_size=100", "log.feature_layers=[]").code == 0
    (checkpoint,) = tmp_path.glob("logs/*/checkpoints/last.pt")
    saved = torch.load(checkpoint, weights_only=True)["model"]
    assert press_tab("visualize-layer", "") == list(dict.fromkeys(name.rpartition(".")[0] for name in saved))
    assert "blocks.0.conv1" in press_tab("explain", str(checkpoint), "--layer", "")
    checkpoint.write_bytes(b"damaged")
    assert press_tab("visualize-layer", "") == []


def test_names_with_commands_for_the_shell_are_not_offered(run: Path, press_tab: Press) -> None:
    run.rename(run.parent / "small$(touch pwned)")
    assert press_tab("eval", "small") == []
    assert press_tab("eval", "logs/") == []


@pytest.mark.parametrize("source", ["mlq", "-", "/dev/stdin", "broken.yaml"])
def test_without_a_readable_configuration_the_keys_of_every_model_are_offered(
    source: str, press_tab: Press, tmp_path: Path
) -> None:
    (tmp_path / "broken.yaml").write_text("model: {nam: mlp")
    assert {"model.hidden=", "model.widths="} <= set(press_tab("train", "--config", source, "model."))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("",), "train"),
        (("train", "--config", "se"), "sequential"),
        (("train", "--config", "cnn", "optimizer.l"), "optimizer.lr="),
        (("visualize-layer", "c"), "conv1"),
        (("eval", "--weights", "b"), "best"),
        (("data", "fetch", "f"), "fashion_mnist"),
    ],
)
def test_completion_imports_nothing_slow(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", REPORT_HEAVY_IMPORTS],
        cwd=tmp_path,
        env={**os.environ, **variables(words)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *offered, imported = answer.stdout.splitlines()
    assert expected in offered
    assert imported == "IMPORTED"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_for_bash_completes_values(tmp_path: Path) -> None:
    program = tmp_path / "cifar"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m cifar_cli "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_CIFAR_COMPLETE=source_bash cifar)"
        COMP_WORDS=(cifar train --config cnn data.name = cif) COMP_CWORD=6
        _cifar_completion cifar
        echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    answer = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout == "cifar10 cifar100\n", answer.stderr

"""The command line itself: the answers without torch, the exit codes, and --debug."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.cli import VERBS, load_command
from cifar_cli.errors import CifarError

REPORT_HEAVY_IMPORTS = """
import atexit, sys
heavy = ("torch", "torchvision", "matplotlib", "tensorboard", "numpy")
atexit.register(lambda: print("IMPORTED", *(name for name in heavy if name in sys.modules)))
from cifar_cli.__main__ import main
main()
"""


def run_process(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["doctor", "--help"],
        ["train"],
        ["lesson"],
        ["lesson", "convolutoin"],
        ["lesson", "linear", "--show"],
        ["docs"],
        ["docs", "keys"],
        ["docs", "kyes"],
        ["config", "list"],
        ["config", "validate", "sequential", "optimizer.lr=0.05"],
        ["config", "validate", "sequential", "optimizer.lr=fast"],
    ],
    ids=" ".join,
)
def test_a_command_that_computes_nothing_imports_no_torch(words: list[str], tmp_path: Path) -> None:
    process = run_process(tmp_path, "-c", REPORT_HEAVY_IMPORTS, *words)
    assert process.stdout.splitlines()[-1] == "IMPORTED", process.stderr
    assert "Traceback" not in process.stderr


def test_the_help_imports_neither_the_configuration_nor_the_networks(tmp_path: Path) -> None:
    report = REPORT_HEAVY_IMPORTS.replace(
        '"torch",', '"pydantic", "yaml", "jinja2", "cifar_cli.config", "cifar_cli.models.table",'
    )
    process = run_process(tmp_path, "-c", report, "--help")
    assert process.stdout.splitlines()[-1] == "IMPORTED", process.stderr


@pytest.mark.parametrize("command", [["train"], ["eval"], ["visualize-layer", "conv1"]], ids=lambda words: words[0])
def test_a_configuration_error_is_reported_before_torch_is_imported(command: list[str], tmp_path: Path) -> None:
    words = [*command, "--config", "sequential", "optimizer.lr=fast"]
    process = run_process(tmp_path, "-c", REPORT_HEAVY_IMPORTS, *words)
    assert process.returncode == 2
    assert process.stdout == "IMPORTED\n"
    assert "optimizer.lr: expected a number above 0, found 'fast'" in process.stderr


def test_help_names_every_command(cifar: Callable[..., Any]) -> None:
    outcome = cifar("--help")
    assert outcome.code == 0
    assert all(f" {command} " in outcome.out for command in VERBS)
    assert "cifar train --config quickstart" in outcome.out


@pytest.mark.parametrize("command", VERBS)
def test_every_command_has_help(command: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar(command, "--help")
    assert outcome.code == 0
    assert f"cifar {command}" in outcome.out


@pytest.mark.parametrize("command", VERBS)
def test_the_help_in_the_table_is_the_first_line_of_the_commands_own_help(command: str) -> None:
    assert load_command(command).help.splitlines()[0] == VERBS[command].help


def test_the_help_imports_no_command(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['cifar', '--help']; from cifar_cli.__main__ import main; import atexit\n"
    code += "atexit.register(lambda: print(*(name for name in sys.modules if 'cifar_cli.commands' in name), sep='|'))\n"
    process = run_process(tmp_path, "-c", f"{code}main()")
    assert "Train a network, and write" in process.stdout
    assert process.stdout.splitlines()[-1] == ""


def test_cifar_alone_shows_the_help(cifar: Callable[..., Any]) -> None:
    outcome = cifar()
    assert outcome.code == 2
    assert all(f" {command} " in outcome.out + outcome.err for command in VERBS)


def test_version_is_that_of_the_installed_package(cifar: Callable[..., Any]) -> None:
    outcome = cifar("--version")
    assert (outcome.code, outcome.out) == (0, f"cifar {version('cifar-cli')}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--fast"], "No such option"),
        (["visualize-layer"], "expected a LAYER, found none; write for example conv1, or --all for every layer"),
        (["eval", "--batch-size", "0"], "--batch-size: expected a whole number of at least 1, found 0; write for"),
        (["eval", "--batch-size", "many"], "--batch-size: expected a whole number of at least 1, found 'many'"),
        (["benchmark", "--seconds", "nan"], "--seconds: expected a number of at least 1, found nan; write for example"),
        (["benchmark", "--seconds", "inf"], "--seconds: expected a number of at least 1, found inf"),
        (["benchmark", "--rounds", "2.5"], "--rounds: expected a whole number of at least 2, found '2.5'"),
        (["--install-completion", "bsh"], "expected nothing after it, as it finds the shell by itself, found 'bsh'"),
        (["--show-completion", "bsh"], "expected nothing after it, as it finds the shell by itself, found 'bsh'"),
        (["eval", ""], "expected a run, found an empty word; leave it out, or write a name"),
        (["benchmark", ""], "expected a configuration, found an empty word; leave it out, or write a name"),
        (["config", "validate", ""], "expected the FILE or NAME of a configuration, found an empty word"),
        (["train", "--config", ""], "expected the FILE or NAME of a configuration, found an empty word"),
        (
            ["visualize-layer", "conv1", "--images", "65"],
            "--images: expected a whole number from 1 to 64, found 65; write",
        ),
        (
            ["train"],
            "expected either --config FILE|NAME or --resume [RUN]; write for example cifar train --config quickstart; cifar config list has the names",
        ),
        (["train", "mlp"], "expected either --config FILE|NAME or --resume [RUN]; write cifar train --config mlp"),
        (["train", "--config", "mlp", "--resume", "x"], "expected either --config FILE|NAME or --resume [RUN]"),
        (["train", "--resume", "x", "--dry-run"], "expected no --dry-run, which shows the plan of a new run"),
        (["train", "--config", "mlp", "x"], "expected key=value, found 'x'; write for example optimizer.lr=0.05"),
        (["train", "--config", "mlp", "--log-dir", "x"], "a new run goes where log.dir says; write log.dir=x"),
        (["train", "--config", "mlq"], "no such file, and no built-in configuration"),
        (["train", "--config", "mlq"], "did you mean 'mlp'?"),
        (
            ["config", "validate", "seed=1"],
            "config validate: expected a FILE or NAME, found only seed=1; add a FILE or NAME",
        ),
        (["eval", "one", "two"], "expected one run, found 2: one two; leave out all but one"),
        (
            ["eval", "run", "seed=1"],
            "seed=1: a run's configuration is fixed except for evaluation, data.root, train.device, train.precision; "
            "key=value needs --config FILE|NAME",
        ),
        (
            ["visualize-layer", "conv1", "run", "evaluation.tta=none"],
            "evaluation.tta=none: a run's configuration is fixed; key=value needs --config FILE|NAME",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_in_the_command_line_exits_with_2_and_its_reason(
    words: list[str], message: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar(*words)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("place", [0, 1, 3])
def test_debug_may_stand_anywhere_and_shows_the_traceback(place: int, cifar: Callable[..., Any]) -> None:
    words = ["train", "--config", "mlq"]
    words.insert(place, "--debug")
    with pytest.raises(CifarError, match="no such file"):
        cifar(*words)


def test_as_a_process_an_error_is_its_message_and_with_debug_a_traceback(tmp_path: Path) -> None:
    words = ["-m", "cifar_cli", "config", "show", "mlq"]
    plain, debug = run_process(tmp_path, *words), run_process(tmp_path, *words, "--debug")
    assert plain.returncode == 2
    assert plain.stderr.startswith("error: mlq: no such file, and no built-in configuration")
    assert len(plain.stderr.splitlines()) == 1
    assert debug.stderr.startswith("Traceback")
    assert "UsageError: mlq: no such file" in debug.stderr


DROPPED_INTERRUPT = """
import signal, time
from cifar_cli import __main__ as program

class Interrupting:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)  # Python ignores what a destructor raises

def app(**arguments):
    Interrupting()
    for _ in range(2000):
        time.sleep(0.01)

signal.signal(signal.SIGINT, signal.default_int_handler)
program.app = app
program.main()
"""


def test_an_interrupt_that_python_drops_is_repeated(tmp_path: Path) -> None:
    process = run_process(tmp_path, "-c", DROPPED_INTERRUPT)
    assert process.returncode != 0
    assert process.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in process.stderr


def test_a_log_file_gets_question_marks_for_characters_outside_its_encoding(tmp_path: Path) -> None:
    words = ["-m", "cifar_cli", "config", "show", "sequential"]
    process = run_process(tmp_path, *words, PYTHONIOENCODING="ascii")
    assert process.returncode == 0, process.stderr
    assert "# 32 ? 32 ? 32" in process.stdout


def test_an_unexpected_error_exits_with_1_and_its_own_words(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("cifar_cli.commands.config.builtins", fail)
    outcome = cifar("config", "list")
    assert outcome.code == 1
    assert outcome.err == "error: ZeroDivisionError: division by zero; the same command with --debug shows where\n"
    with pytest.raises(ZeroDivisionError):
        cifar("config", "list", "--debug")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--config", "mlp", "--epochs", "1"], "--epochs: no such option; keys of a configuration have no dashes: train.epochs=1"),
        (["train", "--config", "mlp", "--lr=0.1"], "--lr: no such option; keys of a configuration have no dashes: optimizer.lr=0.1"),
        (["eval", "--data.root", "x"], "--data.root: no such option; keys of a configuration have no dashes: data.root=x"),
        (["train", "--config", "mlp", "--epochs"], "--epochs: no such option; keys of a configuration have no dashes: train.epochs=VALUE"),
        (["train", "--epochs", "--config", "mlp"], "--epochs: no such option; keys of a configuration have no dashes: train.epochs=VALUE"),
        (["train", "--config", "mlp", "--patience=3"], "--patience: no such option; keys of a configuration have no dashes: train.patience=3"),
        (["train", "--config", "mlp", "--auto-lr-find"], "--auto-lr-find: no such option; write cifar train --find-lr"),
        (["train", "--config", "mlp", "--accumulate-grad-batches", "4"], "--accumulate-grad-batches: no such option; write train.micro_batch_size: data.batch_size is all the images of a step, computed train.micro_batch_size at a time"),
        (["train", "--config", "mlp", "--name", "my net"], "--name: no such option; keys of a configuration have no dashes: 'name=my net'"),
        (["train", "--config", "mlp", "optimizer.lr", "=", "0.1"], "expected key=value in one word, found 'optimizer.lr = 0.1'; write optimizer.lr=0.1 without blanks"),
        (["train", "--config", "mlp", "optimizer.lr=", "0.1"], "expected key=value in one word, found 'optimizer.lr= 0.1'; write optimizer.lr=0.1 without blanks"),
        (["train", "--config", "mlp", "optimizer.lr", "0.1"], "expected key=value in one word, found 'optimizer.lr 0.1'; write optimizer.lr=0.1"),
        (["train", "--config", "mlp", "optimizer.lr:", "0.1"], "expected key=value in one word, found 'optimizer.lr: 0.1'; write optimizer.lr=0.1"),
        (["train", "--config", "mlp", "optimizer.lr:0.1"], "expected key=value in one word, found 'optimizer.lr:0.1'; write optimizer.lr=0.1"),
        (["train", "--config", "mlp", "optimizer.lr", "seed=1"], "expected key=value in one word, found 'optimizer.lr'; write optimizer.lr=VALUE"),
        (["eval", "optimizer.lr", "=0.1"], "expected key=value in one word, found 'optimizer.lr =0.1'; write optimizer.lr=0.1 without blanks"),
        (["visualize-layer", "conv1", "--all"], "--all: expected a run or nothing, found 'conv1'; leave out the LAYER, or --all"),
        (["train", "--config", "net.py"], "net.py: expected a YAML file, found a Python file; a network of your own is named by --model net.py:Net"),
        (["train", "--config", "best.pt"], "best.pt: expected a YAML file, found a checkpoint; its run is continued with: cifar train --resume RUN, and measured with: cifar eval RUN"),
        (["train", "--config", "sequental.yaml"], "sequental.yaml: no such file; did you mean 'sequential'?; cifar config list shows the built-in configurations"),
        (["eval", "nosuch"], "nosuch: expected a run folder, a checkpoint file, or the name of a run under logs, found none of them; there are no runs under logs yet: cifar train --config quickstart makes one"),
    ],
)  # fmt: skip
def test_a_first_guess_is_answered_with_what_to_write(
    words: list[str], message: str, cifar: Callable[..., Any]
) -> None:
    outcome = cifar(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"error: {message}\n"

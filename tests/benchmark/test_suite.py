"""The suite's parts: a configuration in a process of its own, and whole commands."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest

from cifar_cli.benchmark import suite, suite_part
from cifar_cli.config.config_files import builtins
from cifar_cli.data.datasets import synthetic
from cifar_cli.errors import CifarError


@pytest.mark.usefixtures("short_benchmarks", "reference_here")
def test_a_part_prints_the_figures_of_its_configuration(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = partial(synthetic.synthetic_sets, train_size=600, test_size=100)
    monkeypatch.setattr(synthetic, "synthetic_sets", few)
    suite_part.main(str(run / "config.yaml"), "plain", "1", "2")
    found = json.loads(capsys.readouterr().out)
    assert (found["config"], found["against"], found["rounds"]) == (str(run / "config.yaml"), "plain", 2)
    assert found["machine"]["threads"] == 1


def test_commands_are_timed_in_turns_against_the_import_of_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    write = f"open({str(log)!r}, 'a').write"
    commands = {name: (sys.executable, "-c", f"{write}({name!r} + ';')") for name in (suite.IMPORT_TORCH, "other")}
    monkeypatch.setattr(suite, "COMMANDS", commands)
    found = suite.time_commands(rounds=2)
    # Once to warm up, then in alternating order.
    order = [suite.IMPORT_TORCH, "other"]
    assert log.read_text().split(";")[:-1] == [*order, *order, *reversed(order)]
    assert found[suite.IMPORT_TORCH]["ratio"]["per_round"] == [1.0, 1.0]
    seconds = {name: figures["seconds"]["per_round"] for name, figures in found.items()}
    assert found["other"]["ratio"]["per_round"] == [
        mine / torch_ for mine, torch_ in zip(seconds["other"], seconds[suite.IMPORT_TORCH], strict=True)
    ]


def test_a_command_that_fails_ends_the_suite_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "COMMANDS", {suite.IMPORT_TORCH: (sys.executable, "-c", "exit('no torch here')")})
    with pytest.raises(CifarError, match="expected exit code 0, found 1: no torch here"):
        suite.time_commands(rounds=2)


def test_every_configuration_of_the_suite_is_a_built_in() -> None:
    assert {timed.config for timed in suite.CONFIGS} <= set(builtins())

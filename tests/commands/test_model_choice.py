"""Which network a command line names, and the words that name it in the next command."""

from pathlib import Path
from typing import Any

import pytest

from cifar_cli.commands.model_choice import choose_model
from cifar_cli.commands.options import WEIGHTS
from cifar_cli.config import load
from cifar_cli.errors import RunError, UsageError


def choose(log_dir: Path, *words: str, **options: Any) -> Any:
    return choose_model(words, **{"config": None, "weights": None, "log_dir": log_dir, **options})


def test_a_configuration_is_parsed_with_its_overrides_and_named_in_the_next_command(tmp_path: Path) -> None:
    choice = choose(tmp_path, "seed=3", config="mlp")
    assert choice.experiment == load("mlp", ["seed=3"])
    opened = choice.load()
    assert opened.experiment is choice.experiment
    assert choice.words_for(opened) == ["--config", "mlp", "seed=3"]


def test_without_a_run_the_newest_is_taken_and_without_any_an_untrained_network(run: Path, tmp_path: Path) -> None:
    choice = choose(run.parent)
    assert (choice.run, choice.words_for(choice.load())) == (str(run), [str(run)])
    untrained = choose(tmp_path / "none")
    assert untrained.experiment == load("sequential")
    assert untrained.words_for(untrained.load()) == []
    with pytest.raises(RunError, match="none: expected a run, found none yet; make one with: cifar train --config"):
        choose(tmp_path / "none", is_run_needed=True)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_next_command_names_the_run_with_the_chosen_checkpoint(weights: str, run: Path) -> None:
    choice = choose(run.parent, run.name, weights=weights)
    opened = choice.load()
    assert opened.checkpoint == run / "checkpoints" / f"{weights}.pt"
    assert choice.words_for(opened) == [str(run), "--weights", weights]


def test_the_changeable_keys_of_a_run_change_its_configuration(run: Path) -> None:
    opened = choose(run.parent, run.name, "evaluation.tta=mirror", changeable=("evaluation",)).load()
    assert opened.experiment.evaluation.tta == "mirror"
    assert opened.experiment.train.epochs == 2


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (["x"], {"config": "mlp"}, "expected a run or --config, found both: 'x' and --config mlp; leave one out"),
        (["x.pt"], {"weights": "last"}, "--weights last: expected a run with several checkpoints, found 'x.pt'; leave"),
        (
            [],
            {"weights": "last", "config": "mlp"},
            "--weights last: expected a run with several checkpoints, found 'mlp'; leave",
        ),
    ],
)
def test_words_that_exclude_each_other_are_an_error(
    words: list[str], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        choose(tmp_path, *words, **options)
    assert str(caught.value).startswith(message)

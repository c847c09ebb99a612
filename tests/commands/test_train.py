"""The words after `--seeds`, and the words of `cifar train` that exclude each other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.commands.train import parse_seeds
from cifar_cli.errors import UsageError

TRAIN = ("train", "--config", "small.yaml", "train.epochs=1")


@pytest.mark.parametrize(
    ("text", "seeds"), [("1", [7]), ("3", [7, 8, 9]), ("0,3,7", [0, 3, 7]), ("5,", [5]), ("2, 1", [2, 1])]
)
def test_a_number_counts_from_the_configurations_seed_and_a_list_is_itself(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text, first=7) == seeds


MEND = "write for example --seeds 5, or --seeds 0,3,7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", f"--seeds: expected a number of seeds from 1 to 1000, found 0; {MEND}"),
        ("1001", f"--seeds: expected a number of seeds from 1 to 1000, found 1001; {MEND}"),
        ("five", f"--seeds: expected a number of seeds or a list of seeds, found 'five'; {MEND}"),
        ("-3", f"--seeds: expected a number of seeds or a list of seeds, found '-3'; {MEND}"),
        ("1,,2", f"--seeds: expected a number of seeds or a list of seeds, found '1,,2'; {MEND}"),
        ("", f"--seeds: expected a number of seeds or a list of seeds, found ''; {MEND}"),
        ("1,3,3", "--seeds: expected each seed once, found 3 more than once; leave out the repetitions"),
        ("9223372036854775808,", f"--seeds: expected seeds below 2**63, found 9223372036854775808; {MEND}"),
    ],
)
def test_other_text_than_a_number_or_a_list_of_seeds_is_an_error(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_seeds(text, first=0)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*TRAIN, "--seeds", "0"), f"--seeds: expected a number of seeds from 1 to 1000, found 0; {MEND}"),
        (
            (*TRAIN, "--seeds", "2", "--dry-run"),
            "cifar train --seeds: expected no --dry-run, which shows the plan of one run; leave --seeds out",
        ),
        (
            ("train", "--resume", "--seeds", "2"),
            "cifar train --resume: expected no --seeds, since a group resumes the seeds that it was started with; "
            "leave --seeds out",
        ),
    ],
)
def test_a_mistake_in_the_seeds_starts_no_run(
    words: tuple[str, ...], message: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar(*words)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"error: {message}\n")
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("words", [["model={name: resnet20, blocks_per_stage: 1}"], ["model.widths=[4]"]])
def test_another_network_leaves_out_the_feature_layers_of_the_configurations_own_and_says_so(
    words: list[str], cifar: Callable[..., Any]
) -> None:
    outcome = cifar("train", "--config", "cnn", "--dry-run", "data.name=synthetic", "data.val_size=100", *words)
    assert outcome.code == 0, outcome.err
    assert "warning: log.feature_layers: " in outcome.err
    assert "so left out; for pictures of a layer of your network, write 'log.feature_layers=[" in outcome.err


def test_a_feature_layer_that_a_file_misspells_is_an_error_at_its_key(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(
        "data: {name: synthetic}\nmodel: {name: cnn, widths: [4]}\nlog: {feature_layers: [blocks.0.conv9]}\n"
    )
    outcome = cifar("train", "--config", "mine.yaml", "--dry-run")
    assert outcome.code == 2
    assert "error: log.feature_layers: no layer 'blocks.0.conv9'; did you mean 'blocks.0.conv2'?" in outcome.err
    assert outcome.err.endswith("; write for example 'log.feature_layers=[blocks.0.conv1]'\n")

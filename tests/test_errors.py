"""The errors that a person can cause: exit codes, all issues of a configuration, and the nearest word."""

import signal

import pytest

from cifar_cli import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CifarError("x"), 1),
        (errors.DataError("x"), 1),
        (errors.CheckpointError("x"), 1),
        (errors.RunError("x"), 1),
        (errors.DivergedError("x"), 1),
        (errors.UsageError("x"), 2),
        (errors.ConfigError(["x"]), 2),
        (errors.StoppedError("x"), 130),
        (errors.StoppedError("x", signal.SIGTERM), 143),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_the_exit_code_of_the_contract(error: errors.CifarError, code: int) -> None:
    assert error.exit_code == code
    assert str(error) == "x"


def test_a_config_error_has_all_issues_one_line_each() -> None:
    error = errors.ConfigError(["a: wrong", "b: wrong"])
    assert error.issues == ("a: wrong", "b: wrong")
    assert str(error) == "a: wrong\nb: wrong"


def test_the_most_similar_word_is_suggested_and_no_other() -> None:
    assert errors.did_you_mean("cifer10", ["cifar100", "cifar10", "synthetic"]) == "; did you mean 'cifar10'?"
    assert errors.did_you_mean("mnist", ["cifar10", "synthetic"]) == ""

"""Texts of the tables that a training ends with."""

from cifar_cli.console.result_tables import describe_training_time


def test_the_training_time_names_the_first_step_if_it_is_timed_separately() -> None:
    assert describe_training_time(3.94, None) == "3.9 s of training"
    assert describe_training_time(3.94, 1.36) == "3.9 s of training (1.4 s of it the first step)"

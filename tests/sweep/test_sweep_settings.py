"""What a sweep was started with: the study that the same command joins on every machine."""

from dataclasses import replace

from cifar_cli.sweep.sweep_settings import SweepSettings

SETTINGS = SweepSettings("cnn", "cnn.yaml", "cnn", (), ("optimizer.lr=log(1e-3,1)",), "tpe", "none", 20, 1, (), 0)


def study_of(settings: SweepSettings, text: str = "name: cnn") -> str:
    return settings.named_study("cnn", text).study


def test_the_same_command_joins_the_same_study_with_any_number_of_workers_and_trials() -> None:
    assert study_of(SETTINGS) == study_of(replace(SETTINGS, trials=40, workers=8, seeds=(1, 2)))


def test_trials_that_cannot_be_compared_are_in_studies_of_their_own() -> None:
    others = [
        replace(SETTINGS, ranges=("optimizer.lr=log(1e-2,1)",)),
        replace(SETTINGS, overrides=("train.epochs=3",)),
        replace(SETTINGS, data="data={name: synthetic}"),  # a machine without the images, which takes others
    ]
    names = [study_of(SETTINGS), study_of(SETTINGS, "name: cnn2"), *map(study_of, others)]
    assert len(set(names)) == len(names)

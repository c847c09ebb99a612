"""What a sweep was started with: the study that the same command joins on every machine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cifar_cli.config.config_files import read_config_file
from cifar_cli.errors import RunError
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.sweep.sweep_settings import UNLIMITED, SweepSettings, read_settings, within_grid, write_settings

SETTINGS = SweepSettings("cnn", "cnn.yaml", "cnn", (), ("optimizer.lr=log(1e-3,1)",), "tpe", "none", 20, 1, (), 0)


def study_of(settings: SweepSettings, text: str = "name: cnn") -> str:
    return settings.named_study("cnn", text).study


def test_the_same_command_joins_the_same_study_with_any_number_of_workers_and_trials() -> None:
    assert study_of(SETTINGS) == study_of(replace(SETTINGS, trials=40, workers=8, seeds=(1, 2)))


def test_machines_with_their_own_folders_and_devices_join_the_same_study() -> None:
    words = ("log.dir=/scratch/runs", "train.device=cuda:1", "data.root=/scratch/images", "log.images_every=0")
    assert study_of(SETTINGS) == study_of(replace(SETTINGS, overrides=words))


def test_trials_that_cannot_be_compared_are_in_studies_of_their_own() -> None:
    others = [
        replace(SETTINGS, ranges=("optimizer.lr=log(1e-2,1)",)),
        replace(SETTINGS, overrides=("train.epochs=3",)),
        replace(SETTINGS, data="data={name: synthetic}"),  # a machine without the images, which takes others
    ]
    names = [study_of(SETTINGS), study_of(SETTINGS, "name: cnn2"), *map(study_of, others)]
    assert len(set(names)) == len(names)


def test_a_grid_has_no_more_trials_than_combinations_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    grid = replace(SETTINGS, sampler="grid", ranges=("data.augment.translate=int(0,2)",))
    space = grid.space(read_config_file("cnn").text)
    assert [within_grid(grid, space, asked=asked).trials for asked in (None, 2, 3, UNLIMITED)] == [3, 2, 3, 3]
    assert capsys.readouterr().err == ""
    assert within_grid(grid, space, asked=9).trials == 3
    assert "--sampler grid: there are 3 combinations, and so many trials instead of 9" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"trials": "many"}, {"ranges": None}, {"stem": 1}, {"storage": 5}, {"more": 1}])
def test_settings_of_another_kind_are_told_with_their_file(tmp_path: Path, change: dict[str, object]) -> None:
    folder = SweepFolder(tmp_path)
    write_settings(folder, SETTINGS)
    assert read_settings(folder) == SETTINGS
    folder.settings.write_text(json.dumps({**json.loads(folder.settings.read_text()), **change}))
    with pytest.raises(RunError, match=r"sweep.json: expected the settings of a sweep, found others"):
        read_settings(folder)

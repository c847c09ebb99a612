"""The folders of sweeps, and what looks for runs beside them."""

from pathlib import Path

import pytest

from cifar_cli.errors import RunError, RunNotFoundError
from cifar_cli.runs.run_folder import find_run, find_runs
from cifar_cli.runs.sweep_folder import SweepFolder, create_sweep, find_sweep, find_sweeps


@pytest.fixture
def sweep(tmp_path: Path) -> SweepFolder:
    folder = create_sweep(tmp_path, "cnn")
    folder.config.write_text("model: {name: cnn}\n")
    trial = folder.trial(7)
    trial.last_checkpoint.parent.mkdir(parents=True)
    trial.last_checkpoint.touch()
    trial.config.write_text("model: {name: cnn}\n")
    return folder


def test_a_sweep_is_found_by_its_path_and_by_its_name(sweep: SweepFolder, tmp_path: Path) -> None:
    assert find_sweeps(tmp_path) == [sweep]
    assert find_sweep(str(sweep.path), log_dir=Path("elsewhere")) == sweep
    assert find_sweep(sweep.path.name, log_dir=tmp_path) == sweep


def test_an_unknown_sweep_is_told_with_the_nearest(sweep: SweepFolder, tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError) as told:
        find_sweep(sweep.path.name[:-1], log_dir=tmp_path)
    assert f"did you mean '{sweep.path.name}'?" in str(told.value)


def test_a_trial_is_a_run_by_its_path_and_not_among_the_runs_of_the_log_folder(
    sweep: SweepFolder, tmp_path: Path
) -> None:
    assert find_runs(tmp_path) == []
    assert find_run(f"{sweep.path.name}/trial-0007", log_dir=tmp_path) == sweep.trial(7)
    assert find_runs(sweep.path) == [sweep.trial(7)]


def test_a_sweep_in_the_place_of_a_run_is_told(sweep: SweepFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected one run, found a sweep; name one of its trials") as told:
        find_run(sweep.path.name, log_dir=tmp_path)
    assert str(told.value).endswith(f"the sweep goes on with: cifar sweep --resume {sweep.path}")

"""TensorBoard's table of hyperparameters, as its own reader finds it."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer.record_writer import RecordWriter

from cifar_cli.config.config_files import read_config_file
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import COMPLETE, TrialRecord
from cifar_cli.sweep.hparams import ACCURACY, EPOCHS, write_trial
from cifar_cli.sweep.ranges import split_ranges
from cifar_cli.sweep.space import SearchSpace

TRIAL = TrialRecord(number=3, values={"optimizer.lr": "0.25"}, outcome=COMPLETE, val_accuracy=0.75, epochs=2)


@pytest.fixture
def space() -> SearchSpace:
    _, ranges = split_ranges(["optimizer.lr=log(1e-3,1)"])
    return SearchSpace(read_config_file("mlp"), (), tuple(ranges))


def test_a_trial_whose_writing_was_cut_off_is_written_by_the_next_command(
    space: SearchSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []

    def write_two(self: RecordWriter, data: bytes) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(data)

    with monkeypatch.context() as patch:
        patch.setattr(RecordWriter, "write", write_two)
        with pytest.raises(KeyboardInterrupt):
            write_trial(SweepFolder(tmp_path), TRIAL, space)
    write_trial(SweepFolder(tmp_path), TRIAL, space)
    (folder,) = SweepFolder(tmp_path).hparams.iterdir()
    events = EventAccumulator(str(folder)).Reload()
    assert [event.value for event in events.Scalars(ACCURACY)] == [0.75]
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    session = HParamsPluginData.FromString(content).session_start_info
    assert session.hparams["optimizer.lr"].number_value == 0.25


def test_what_a_kill_left_before_the_renaming_is_not_read_too(space: SearchSpace, tmp_path: Path) -> None:
    write_trial(SweepFolder(tmp_path), TRIAL, space)
    (file,) = SweepFolder(tmp_path).hparams.glob("*/*")
    file.rename(file.with_name(f".{file.name}.123.tmp"))
    write_trial(SweepFolder(tmp_path), TRIAL, space)
    assert len(EventAccumulator(str(file.parent)).Reload().Scalars(ACCURACY)) == 1


def test_the_figures_of_the_table_are_no_points_in_the_curves_of_the_trials(space: SearchSpace, tmp_path: Path) -> None:
    write_trial(SweepFolder(tmp_path), TRIAL, space)
    (folder,) = SweepFolder(tmp_path).hparams.iterdir()
    tags = EventAccumulator(str(folder)).Reload().Tags()["scalars"]
    assert {tag.partition("/")[0] for tag in tags} == {"hparams"}


def test_a_trial_is_written_once(space: SearchSpace, tmp_path: Path) -> None:
    for _ in range(2):
        write_trial(SweepFolder(tmp_path), TRIAL, space)
    (file,) = SweepFolder(tmp_path).hparams.glob("*/*")
    assert len(EventAccumulator(str(file)).Reload().Scalars(EPOCHS)) == 1

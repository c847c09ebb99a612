"""Writes TensorBoard's table of hyperparameters, HPARAMS: a row for each finished trial.

Each trial has a folder of its own, beside its run: a second event file in a run's folder would end TensorBoard's
reading of the first.
"""

import time
from pathlib import Path
from typing import BinaryIO

from google.protobuf.struct_pb2 import ListValue, Value  # type: ignore[import-untyped]
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import metadata  # type: ignore[import-untyped]
from tensorboard.plugins.hparams.api_pb2 import (  # type: ignore[import-untyped]
    DataType,
    Experiment,
    HParamInfo,
    Interval,
    MetricInfo,
    MetricName,
    Status,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import (  # type: ignore[import-untyped]
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]
from torch.utils.tensorboard.summary import scalar

from cifar_cli.config.yaml.scalars import read_scalar
from cifar_cli.runs.atomic_files import remove_leftovers, write_atomically
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import DIVERGED, FAILED, TrialRecord
from cifar_cli.sweep.ranges import Choice, Range
from cifar_cli.sweep.space import SearchSpace

# Not accuracy/val: in the curves of the trials, the best accuracy would be a point at step 0.
ACCURACY = "hparams/val_accuracy"
EPOCHS = "hparams/epochs"
EVENT_FILE = "events.out.tfevents.hparams"  # TensorBoard reads files with `tfevents` in their names


def write_search_space(folder: SweepFolder, space: SearchSpace) -> None:
    """Writes the keys with their ranges, unless they are written already."""
    if (folder.hparams / EVENT_FILE).exists():
        return
    experiment = Experiment(
        hparam_infos=[_describe(each) for each in space.ranges],
        metric_infos=[
            MetricInfo(name=MetricName(tag=ACCURACY), display_name="validation accuracy"),
            MetricInfo(name=MetricName(tag=EPOCHS), display_name="epochs"),
        ],
    )
    _write(folder.hparams, {metadata.EXPERIMENT_TAG: HParamsPluginData(experiment=experiment)}, {})


def write_trial(folder: SweepFolder, trial: TrialRecord, space: SearchSpace) -> None:
    """Writes a finished trial, unless it is written already."""
    path = folder.hparams / f"trial-{trial.number:04}"
    if (path / EVENT_FILE).exists():
        return
    kinds = {each.key: each for each in space.ranges}
    values = {key: _value(text, kinds[key]) for key, text in trial.values.items()}
    start = SessionStartInfo(group_name=path.name, hparams=values)
    has_failed = trial.outcome in (DIVERGED, FAILED)
    end = SessionEndInfo(status=Status.Value("STATUS_FAILURE" if has_failed else "STATUS_SUCCESS"))
    metrics = {EPOCHS: float(trial.epochs)}
    if trial.val_accuracy is not None:
        metrics[ACCURACY] = trial.val_accuracy
    contents = {
        metadata.SESSION_START_INFO_TAG: HParamsPluginData(session_start_info=start),
        metadata.SESSION_END_INFO_TAG: HParamsPluginData(session_end_info=end),
    }
    _write(path, contents, metrics)


def _write(folder: Path, contents: dict[str, HParamsPluginData], metrics: dict[str, float]) -> None:
    """Writes one event file as a whole, so that a killed command leaves none that lacks a part of its trial."""
    summaries = [scalar(tag, number) for tag, number in metrics.items()]
    for tag, content in contents.items():
        content.version = metadata.PLUGIN_DATA_VERSION
        plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content.SerializeToString())
        value = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))
        summaries.append(Summary(value=[value]))
    now = time.time()
    events = [Event(wall_time=now, file_version="brain.Event:2")]
    events += [Event(wall_time=now, summary=summary) for summary in summaries]

    def write(file: BinaryIO) -> None:
        records = RecordWriter(file)
        for event in events:
            records.write(event.SerializeToString())

    remove_leftovers(folder)  # of a killed command: TensorBoard would read them too
    write_atomically(folder / EVENT_FILE, write, make_folders=True)


def _describe(each: Range) -> HParamInfo:
    if isinstance(each, Choice):
        domain = ListValue(values=[_value(text, each) for text in each.values])
        name = {float: "DATA_TYPE_FLOAT64", bool: "DATA_TYPE_BOOL", str: "DATA_TYPE_STRING"}[_type(each)]
        return HParamInfo(name=each.key, type=DataType.Value(name), domain_discrete=domain, differs=True)
    interval = Interval(min_value=float(each.low), max_value=float(each.high))
    number = DataType.Value("DATA_TYPE_FLOAT64")
    return HParamInfo(name=each.key, type=number, domain_interval=interval, differs=True)


def _type(each: Range) -> type[bool] | type[float] | type[str]:
    """Returns the one type of a key's values; text, if they have several."""
    if not isinstance(each, Choice):
        return float
    read = [read_scalar(text) for text in each.values]
    if all(isinstance(value, bool) for value in read):
        return bool
    is_numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in read)
    return float if is_numeric else str


def _value(text: str, each: Range) -> Value:
    type_ = _type(each)
    if type_ is bool:
        return Value(bool_value=read_scalar(text))
    return Value(number_value=float(text)) if type_ is float else Value(string_value=text)

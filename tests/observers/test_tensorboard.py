"""Event files read back by TensorBoard's own reader."""

import io
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.summary.writer import event_file_writer
from tensorboard.util import tensor_util
from torch.utils.tensorboard._pytorch_graph import graph

from cifar_cli.data.normalize import to_unit
from cifar_cli.observers.event_file import EventFile
from cifar_cli.observers.tensorboard import TensorBoard
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.loop import fit

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from

CONFIG = "name: demo\nmodel:\n  name: tiny\n"
SCALARS = {"loss/train", "loss/val", "accuracy/train", "accuracy/val", "lr", "throughput/images_per_second"}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


@pytest.fixture
def seconds_fly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets two writers start in different seconds: their files are read in the order of their names, which hold it."""
    seconds = count(1_700_000_000)
    monkeypatch.setattr(event_file_writer, "time", SimpleNamespace(time=lambda: float(next(seconds))))


def train_observed(
    run: RunFolder,
    training: Any,
    *,
    layers: tuple[str, ...] = ("conv", "relu"),
    images_every: int = 1,
    observers: tuple[Any, ...] = (),
) -> None:
    """Trains to the end with a TensorBoard observer."""
    events = EventFile(run)
    board = TensorBoard(
        events,
        config=CONFIG,
        images=training.images.images[:5],
        preprocess=to_unit,
        feature_layers=layers,
        images_every=images_every,
        epochs=training.task.epochs,
        warn=pytest.fail,
    )
    try:
        fit(training.state, training.task, runtime=training.runtime, observers=[events, board, *observers])
    finally:
        events.close()


def read(run: RunFolder) -> EventAccumulator:
    # 0: keep everything; by default TensorBoard samples.
    events = EventAccumulator(str(run.path), size_guidance={"images": 0, "scalars": 0, "tensors": 0})
    events.Reload()
    return events


def steps(events: list[Any]) -> list[int]:
    return [event.step for event in events]


def test_the_tags_are_the_contracts_and_no_others(run: RunFolder, tiny_training: Make) -> None:
    train_observed(run, tiny_training())
    tags = read(run).Tags()
    assert set(tags["scalars"]) == SCALARS
    assert set(tags["images"]) == {"inputs", "features/conv", "features/relu", "filters/conv"}
    assert tags["tensors"] == ["config/text_summary"]
    assert tags["graph"] is True
    assert [path.name for path in run.path.iterdir() if path.is_dir()] == ["checkpoints"], "no side folders"


def test_scalars_are_the_reports_figures_at_the_epochs_last_steps(
    run: RunFolder, tiny_training: Make, recorder: Any
) -> None:
    train_observed(run, tiny_training(epochs=3), observers=(recorder,))
    events = read(run)
    fields = {
        "loss/train": "train_loss",
        "loss/val": "val_loss",
        "accuracy/train": "train_accuracy",
        "accuracy/val": "val_accuracy",
        "lr": "lr",
        "throughput/images_per_second": "images_per_second",
    }
    for tag, field in fields.items():
        written = events.Scalars(tag)
        assert steps(written) == [4, 8, 12], tag
        expected = [getattr(report, field) for report in recorder.reports]
        assert [event.value for event in written] == pytest.approx(expected, rel=1e-6), tag


def test_each_parameter_group_has_a_curve_of_its_learning_rate_named_as_in_the_configuration(
    run: RunFolder, tiny_training: Make
) -> None:
    # Muon for the matrices; the group, Adam at 0.01, is trained for 1.5 epochs, six steps, on a cosine of that length.
    train_observed(run, tiny_training(optimizer="muon", schedule="cosine", epochs=3))
    events = read(run)
    assert set(events.Tags()["scalars"]) == SCALARS | {"lr/optimizer", "lr/optimizer.groups.0"}

    def cosine(step: int, steps: int) -> float:
        return (1 + math.cos(math.pi * step / steps)) / 2

    own, group = (events.Scalars(f"lr/{name}") for name in ("optimizer", "optimizer.groups.0"))
    assert steps(own) == steps(group) == [4, 8, 12]
    # The rates of steps 3, 7 and 11, counted from 0.
    assert [event.value for event in own] == pytest.approx([0.05 * cosine(step, 12) for step in (3, 7, 11)])
    assert [event.value for event in group] == pytest.approx([0.01 * cosine(3, 6), 0, 0])
    assert [event.value for event in events.Scalars("lr")] == [event.value for event in own]


def test_without_validation_there_are_no_validation_curves(run: RunFolder, tiny_training: Make) -> None:
    train_observed(run, tiny_training(validated=False))
    assert set(read(run).Tags()["scalars"]) == {tag for tag in SCALARS if not tag.endswith("/val")}


def test_images_start_before_training_and_decode_to_their_stated_size(run: RunFolder, tiny_training: Make) -> None:
    train_observed(run, tiny_training(epochs=2))
    events = read(run)
    for tag in ("features/conv", "features/relu", "filters/conv"):
        pictures = events.Images(tag)
        assert steps(pictures) == [0, 4, 8], tag
        sizes = set()
        for picture in pictures:
            decoded = Image.open(io.BytesIO(picture.encoded_image_string))
            assert decoded.size == (picture.width, picture.height)
            assert min(decoded.size) >= 32
            sizes.add(decoded.size)
        assert len(sizes) == 1, "the slider would jump"
        assert pictures[0].encoded_image_string != pictures[2].encoded_image_string, "training shows"


def test_the_inputs_are_the_very_images(run: RunFolder, tiny_training: Make) -> None:
    training = tiny_training(epochs=1)
    train_observed(run, training)
    (picture,) = read(run).Images("inputs")
    strip = np.array(Image.open(io.BytesIO(picture.encoded_image_string)))  # (8, 5 · 8, 3)
    assert picture.step == 0
    assert torch.equal(torch.from_numpy(strip).permute(2, 0, 1), torch.cat(list(training.images.images[:5]), dim=2))


def test_pictures_come_every_so_many_epochs_or_never(tmp_path: Path, tiny_training: Make) -> None:
    every_second, never = create_run(tmp_path, "second"), create_run(tmp_path, "never")
    train_observed(every_second, tiny_training(epochs=5), images_every=2)
    assert steps(read(every_second).Images("features/conv")) == [0, 8, 16]
    train_observed(never, tiny_training(epochs=2), images_every=0)
    assert not any(tag.startswith(("features", "filters")) for tag in read(never).Tags()["images"])


def test_the_configuration_is_a_text_in_the_letters_of_code(run: RunFolder, tiny_training: Make) -> None:
    train_observed(run, tiny_training(epochs=1))
    (event,) = read(run).Tensors("config/text_summary")
    (text,) = tensor_util.make_ndarray(event.tensor_proto)
    assert text.decode() == "    name: demo\n    model:\n      name: tiny"


def test_the_graph_names_the_layers(run: RunFolder, tiny_training: Make) -> None:
    train_observed(run, tiny_training(epochs=1))
    graph = read(run).Graph()
    assert isinstance(graph, GraphDef)
    names = " ".join(node.name for node in graph.node)
    assert all(f"[{layer}]" in names for layer in ("conv", "norm", "relu", "fc"))


@pytest.mark.filterwarnings("ignore:.torch.jit.trace")
def test_the_graph_is_the_one_that_torchs_add_graph_writes(run: RunFolder, tiny_training: Make) -> None:
    training = tiny_training(epochs=1)
    train_observed(run, training)
    image = to_unit(training.images.images[:1])
    expected, _ = graph(training.state.model.eval(), image)  # traces by itself, and compares two traces
    assert read(run).Graph() == expected


def test_observing_changes_nothing_of_the_training(run: RunFolder, tiny_training: Make) -> None:
    # Tracing in training mode would feed BatchNorm, and dropout would draw from the generator it shares.
    alone, observed = tiny_training(), tiny_training()
    torch.manual_seed(7)
    fit(alone.state, alone.task, runtime=alone.runtime)
    torch.manual_seed(7)
    train_observed(run, observed)
    for key, value in alone.state.model.state_dict().items():
        assert torch.equal(value, observed.state.model.state_dict()[key]), key


def test_each_part_of_the_network_keeps_its_own_mode(run: RunFolder, tiny_training: Make) -> None:
    training = tiny_training()
    training.state.model.norm.eval()  # frozen, within a network that trains
    modes = [module.training for module in training.state.model.modules()]
    train_observed(run, replace(training, task=replace(training.task, epochs=0)))
    assert [module.training for module in training.state.model.modules()] == modes


def train_epochs(run: RunFolder, training: Any, *, epochs: int) -> None:
    train_observed(run, replace(training, task=replace(training.task, epochs=epochs)))


@pytest.mark.usefixtures("seconds_fly")
def test_a_resumed_run_shows_each_epoch_once_as_it_was_trained_last(
    run: RunFolder, tiny_training: Make, recorder: Any
) -> None:
    interrupted = tiny_training(epochs=4)
    train_epochs(run, interrupted, epochs=3)
    # The last checkpoint was of epoch 2: 3 was seen, but is trained again.
    resumed = tiny_training(epochs=4, seed=1)
    resumed.state.progress.epoch, resumed.state.progress.step = 2, 8
    train_observed(run, resumed, observers=(recorder,))
    events = read(run)
    assert steps(events.Scalars("loss/train")) == [4, 8, 12, 16]
    expected = [report.train_loss for report in recorder.reports]
    assert [event.value for event in events.Scalars("loss/train")][2:] == pytest.approx(expected, rel=1e-6)
    assert steps(events.Images("features/conv")) == [0, 4, 8, 12, 16]


@pytest.mark.usefixtures("seconds_fly")
def test_a_run_resumed_within_its_first_epoch_keeps_the_pictures_from_before_training(
    run: RunFolder, tiny_training: Make
) -> None:
    train_epochs(run, tiny_training(), epochs=0)
    before = read(run).Images("features/conv")
    resumed = tiny_training(epochs=1)
    resumed.state.model.conv.weight.data.neg_()
    resumed.state.progress.step = 2
    train_observed(run, resumed)
    pictures = read(run).Images("features/conv")
    assert steps(before) == [0]
    assert steps(pictures) == [0, 6]  # 4 steps an epoch from step 2 on, as this training has no batches behind it
    assert pictures[0].encoded_image_string == before[0].encoded_image_string

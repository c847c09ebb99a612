"""`cifar visualize-layer` with each of its other pictures, of trained and untrained networks of every kind."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.figures.over_time_sheet import draw_over_time_sheet
from cifar_cli.inspection import training_history_figures
from cifar_cli.models.table import MODELS
from cifar_cli.runs.recorded_features import read_recorded_layer, remove_recorded_after, write_recorded_layers

SYNTHETIC = ("data.name=synthetic", "data.val_size=100")
LAYERS_CONFIGS = sorted(path.stem for path in (Path(__file__).parents[2] / "configs" / "layers").glob("*.yaml"))
MODEL_WORDS = {
    "sequential": ("sequential",),
    "mlp": ("mlp",),
    "cnn": ("cnn", "model.widths=[8, 8]", "log.feature_layers=[]"),
    "speednet": ("cnn", "model={name: speednet, widths: [8, 8]}", "log.feature_layers=[]"),
}
"""A configuration for each of MODELS, small where it can be."""


def is_png(path: Path) -> bool:
    with Image.open(path) as picture:
        picture.load()
        return picture.format == "PNG" and min(picture.size) > 300


@pytest.mark.parametrize("picture", ["exciting", "grad-cam", "compare", "over-time"])
def test_each_picture_is_the_same_to_the_byte_the_second_time(
    picture: str, run: Path, cifar: Callable[..., Any]
) -> None:
    path = run / "images" / f"conv1-{picture}.png"
    contents = []
    for _ in range(2):
        outcome = cifar("visualize-layer", "conv1", f"--{picture}")
        assert outcome.code == 0, outcome.err
        assert f"wrote logs/{run.name}/images/conv1-{picture}.png" in outcome.err
        assert "TensorBoard features" not in outcome.err
        assert is_png(path)
        contents.append(path.read_bytes())
        path.unlink()
    assert contents[0] == contents[1]


def test_all_layers_are_on_one_sheet_in_their_order(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("visualize-layer", "--all", run.name)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("6 layers: conv1, relu1, pool1, flatten, dropout, fc1.\nrelu1: over 100 images ")
    first = (run / "images" / "all.png").read_bytes()
    cifar("visualize-layer", "--all")
    assert (run / "images" / "all.png").read_bytes() == first


def test_models_are_all_walked() -> None:
    assert set(MODELS) <= set(MODEL_WORDS)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_kind_of_network_can_be_looked_at_layer_by_layer(
    model: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("visualize-layer", "--all", "--config", *MODEL_WORDS[model], *SYNTHETIC)
    assert outcome.code == 0, outcome.err
    (folder,) = (tmp_path / "logs").iterdir()
    assert is_png(folder / "images" / "all.png")


@pytest.mark.parametrize("name", LAYERS_CONFIGS)
@pytest.mark.parametrize("picture", ["all", "exciting"])
def test_a_layer_alone_can_be_looked_at_too(name: str, picture: str, cifar: Callable[..., Any], tmp_path: Path) -> None:
    words = ["--all"] if picture == "all" else [name, f"--{picture}"]
    outcome = cifar("visualize-layer", *words, "--config", f"layers/{name}", *SYNTHETIC)
    assert outcome.code == 0, outcome.err


def test_the_exciting_images_are_those_of_the_test_set_and_it_says_so(
    run: Path, cifar: Callable[..., Any], small_splits: Splits
) -> None:
    outcome = cifar("visualize-layer", "fc1", "--exciting", "--images", "3")
    assert outcome.code == 0, outcome.err
    assert outcome.out == (
        "Of all 100 test images of synthetic, those with the largest values; the test set chooses nothing here, it is "
        "only looked at.\n"
    )


def test_dead_units_are_told_before_and_after_training(
    run: Path, cifar: Callable[..., Any], small_splits: Splits
) -> None:
    outcome = cifar("visualize-layer", "conv1", "--compare", "--weights", "last")
    assert outcome.code == 0, outcome.err
    assert small_splits.val is not None
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (small_splits.mean, small_splits.std))
    images = (small_splits.val.images / 255 - mean) / std

    def told(weight: Tensor, bias: Tensor) -> str:
        zero = F.conv2d(images, weight, bias, padding=1) <= 0
        dead = int(zero.all(dim=3).all(dim=2).all(dim=0).sum())
        return (
            f"After relu1: over 100 images {100 * zero.double().mean():.1f} % of the values are zero; {dead} of 8 "
            f"units ({100 * dead / 8:.0f} %) are dead, zero for every one of them."
        )

    weights = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    torch.manual_seed(0)
    fresh = torch.nn.Conv2d(3, 8, 3, padding=1)  # the first layer is drawn first
    assert outcome.out.splitlines() == [
        f"untrained: {told(fresh.weight.detach(), fresh.bias.detach())}",
        f"trained: {told(weights['conv1.weight'], weights['conv1.bias'])}",
        "untrained: its weights are drawn from seed 0, the run's own.",
    ]


def test_over_time_reads_what_training_recorded(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.out == "conv1 at 3 of 3 recorded times.\n"  # before training, and after each of two epochs


def test_over_time_draws_the_recorded_values_and_no_others(run: Path, cifar: Callable[..., Any]) -> None:
    cifar("visualize-layer", "conv1", "--over-time")
    before = (run / "images" / "conv1-over-time.png").read_bytes()
    layers = read_recorded_layer(run / "features", "conv1")
    last = max(layers)
    write_recorded_layers(
        run / "features", {"conv1": replace(layers[last], features=-layers[last].features)}, step=last
    )
    cifar("visualize-layer", "conv1", "--over-time")
    assert (run / "images" / "conv1-over-time.png").read_bytes() != before


def test_a_long_training_is_drawn_at_twelve_times_evenly_spread(
    run: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = read_recorded_layer(run / "features", "conv1")[0]
    remove_recorded_after(run / "features", -1)
    for step in range(0, 1110, 10):  # 0, 10, … 1100
        write_recorded_layers(run / "features", {"conv1": layer}, step=step)
    drawn = {}

    def spy(name: str, **arguments: Any) -> Any:
        drawn.update(arguments)
        return draw_over_time_sheet(name, **arguments)

    monkeypatch.setattr(training_history_figures, "draw_over_time_sheet", spy)
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.out == "conv1 at 12 of 111 recorded times.\n"
    assert drawn["times"] == ["untrained", *(f"step {step}" for step in range(100, 1101, 100))]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["conv1", "--exciting", "--over-time"],
            2,
            "expected one picture at a time, found --exciting and --over-time; leave out all but one",
        ),
        (
            ["--all", "--mode", "tutorial"],
            2,
            "expected one picture at a time, found --all and --mode tutorial; leave out all but one",
        ),
        (["--exciting"], 2, "expected a LAYER, found none; write for example conv1, or --all for every layer"),
        (["conv9", "--exciting"], 2, "no layer 'conv9'; did you mean 'conv1'? The layers are: conv1 (Conv2d)"),
        (
            ["fc1", "--grad-cam"],
            2,
            "--grad-cam: expected a layer that gives feature maps, found 'fc1', which gives (6, 10); take an earlier "
            "layer, for example pool1",
        ),
        (
            ["pool1", "--over-time"],
            1,
            "features: expected the values of pool1 from several epochs, found those of conv1; training records the "
            "layers of log.feature_layers: cifar train … 'log.feature_layers=[pool1]' log.images_every=1",
        ),
        (
            ["conv1", "--over-time", "--images", "3"],
            2,
            "--over-time: shows the first of the images that training recorded, found --images 3; leave --images out",
        ),
        (
            ["conv1", "--over-time", "--config", "small.yaml"],
            2,
            "--over-time: expected a run, whose training recorded its layers, found the untrained network of "
            "small.yaml; name a run",
        ),
        (
            ["conv1", "--compare", "--config", "small.yaml"],
            2,
            "--compare: expected a trained network, to set beside its own beginning, found the untrained network of "
            "small.yaml; name a run",
        ),
        (
            ["conv1", "--grad-cam", "--config", "layers/conv1", *SYNTHETIC],
            2,
            "--grad-cam: expected a network that gives a score for each of the 10 classes, found one that gives "
            "(6, 6, 30, 30); add the layers to the scores, or leave --grad-cam out",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_drawn_is_told(
    words: list[str], code: int, message: str, run: Path, cifar: Callable[..., Any]
) -> None:
    outcome = cifar("visualize-layer", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert list((run / "images").glob("*")) == []


def test_a_layer_recorded_once_has_no_course_of_time(run: Path, cifar: Callable[..., Any]) -> None:
    remove_recorded_after(run / "features", 0)
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.code == 1
    assert "features: expected the values of conv1 from several epochs, found those of one time; " in outcome.err


def test_a_run_of_an_older_version_says_so(run: Path, cifar: Callable[..., Any]) -> None:
    shutil.rmtree(run / "features")
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.code == 1
    assert outcome.err.endswith(
        f"logs/{run.name}/features: expected the values of conv1 from several epochs, found no such folder: an older "
        f"version of cifar made this run; train again with: cifar train --config logs/{run.name}/config.yaml\n"
    )
    outcome = cifar("visualize-layer", "pool1", "--over-time")
    assert "found none of any layer; training records the layers of log.feature_layers: " in outcome.err


def test_a_damaged_file_of_recorded_layers_is_told(run: Path, cifar: Callable[..., Any]) -> None:
    path = run / "features" / "0.npz"
    path.write_bytes(path.read_bytes()[:100])
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert (outcome.code, outcome.out) == (1, "")
    assert f"logs/{run.name}/features/0.npz: expected the layers that training recorded, found a damaged" in outcome.err
    assert "Traceback" not in outcome.err

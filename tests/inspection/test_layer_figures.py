"""`cifar visualize-layer` with each of its other pictures, of trained and untrained networks of every model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import nn

from cifar_cli.builders.build_model import build_meta_model
from cifar_cli.config import load_text, to_flow_yaml
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.figures.canvas import Canvas
from cifar_cli.models.table import MODELS

SYNTHETIC = ("data.name=synthetic", "data.val_size=20")
LAYERS_CONFIGS = sorted(path.stem for path in (Path(__file__).parents[2] / "configs" / "layers").glob("*.yaml"))


def is_png(path: Path) -> bool:
    with Image.open(path) as picture:
        picture.load()
        return picture.format == "PNG" and min(picture.size) > 300


@pytest.mark.parametrize("picture", ["exciting", "grad-cam", "compare", "over-time"])
def test_a_second_picture_is_the_same_to_the_byte(picture: str, run: Path, cifar: Callable[..., Any]) -> None:
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


def test_all_layers_of_every_model_are_on_its_sheet_in_their_order(
    distinct_model: str, cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without ink, which takes most of the time: test_component_tables.py puts each kind of layer on paper.
    written: list[str] = []
    monkeypatch.setattr(Canvas, "write", lambda canvas, text, *, size=8, **_: written.append(f"{text}, {size}"))
    monkeypatch.setattr(Canvas, "text_width", lambda *_, **__: 0.0)  # a long name is in one line too
    for name in ("picture", "frame", "colour_scale"):
        monkeypatch.setattr(Canvas, name, lambda *_, **__: None)
    monkeypatch.setattr(Canvas, "finish", lambda canvas, **_: canvas.figure)
    model = to_flow_yaml({"name": distinct_model, **MODELS[distinct_model].example})
    outcome = cifar("visualize-layer", "--all", "--config", "mlp", f"model={model}", *SYNTHETIC, images=(120, 20))
    assert outcome.code == 0, outcome.err
    network = build_meta_model(load_text(f"model: {model}\n", location="a test"))
    leaves = [(name, layer) for name, layer in network.named_modules() if not list(layer.children())]
    layers = [name for name, layer in leaves if not isinstance(layer, nn.ModuleList)]  # an empty list is no layer
    named = [text.removesuffix(", 12") for text in written if text.removesuffix(", 12") in layers]
    assert sorted(named) == sorted(layers)
    assert outcome.out.startswith(f"{len(named)} layers: {', '.join(named)}.\n")
    (folder,) = (tmp_path / "logs").iterdir()
    assert (folder / "images" / "all.png").is_file()


@pytest.mark.parametrize("name", LAYERS_CONFIGS)
@pytest.mark.parametrize("picture", ["all", "exciting"])
def test_a_network_of_one_layer_can_be_drawn(
    name: str, picture: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    words = ["--all"] if picture == "all" else [name, f"--{picture}"]
    outcome = cifar("visualize-layer", *words, "--config", f"layers/{name}", *SYNTHETIC)
    assert outcome.code == 0, outcome.err


def test_the_top_activations_are_those_of_the_test_images(
    run: Path, cifar: Callable[..., Any], small_splits: Splits
) -> None:
    outcome = cifar("visualize-layer", "fc1", "--exciting", "--images", "3")
    assert outcome.code == 0, outcome.err
    assert outcome.out == (
        "The highest activations among all 100 test images of synthetic. The test set is only looked at: nothing is "
        "chosen by it.\n"
    )


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
        (["conv9", "--exciting"], 2, "best weights (epoch 2); did you mean 'conv1'? The layers are: conv1 (Conv2d)"),
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
            "--over-time: expected no --images, since training records one image, found --images 3; leave --images out",
        ),
        (
            ["conv1", "--over-time", "--config", "small.yaml"],
            2,
            "--over-time: expected a run with recorded layers, found the untrained network of small.yaml; name a run",
        ),
        (
            ["conv1", "--compare", "--config", "small.yaml"],
            2,
            "--compare: expected a trained network, to compare with its untrained weights, found the untrained network "
            "of small.yaml; name a run",
        ),
        (
            ["conv1", "--grad-cam", "--config", "layers/conv1", *SYNTHETIC],
            2,
            "--grad-cam: expected a network with a score for each of the 10 classes, found an output of shape "
            "(6, 6, 30, 30); add layers up to the scores, or leave --grad-cam out",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_reported_with_its_mend(
    words: list[str], code: int, message: str, run: Path, cifar: Callable[..., Any]
) -> None:
    outcome = cifar("visualize-layer", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert list((run / "images").glob("*")) == []

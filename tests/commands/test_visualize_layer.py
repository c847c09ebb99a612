"""`cifar visualize-layer`: the picture, TensorBoard and the sentences against layers computed by torch."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn import functional as F

from cifar_cli.data.datasets import cifar as cifar_dataset
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.figures.grids import feature_grid, filter_grid


def read_picture(path: Path) -> tuple[int, int]:
    """Returns the size of a PNG that can be read to its end."""
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        return picture.size


def tensorboard_pictures(run: Path, tag: str) -> dict[int, torch.Tensor]:
    """Returns what TensorBoard shows under a tag: step → uint8 (3, height, width), the last one written."""
    events = EventAccumulator(str(run), size_guidance={"images": 0}).Reload().Images(tag)
    return {
        event.step: torch.from_numpy(np.array(Image.open(BytesIO(event.encoded_image_string)))).permute(2, 0, 1)
        for event in events
    }


def test_the_layers_output_is_torchs_convolution_of_the_first_held_out_images(
    run: Path, cifar: Callable[..., Any], small_splits: Splits
) -> None:
    of_training = list(run.glob("events.out.tfevents.*"))
    outcome = cifar("visualize-layer", "conv1", run.name, "--weights", "last")
    assert outcome.code == 0, outcome.err
    assert list(run.glob("events.out.tfevents.*")) == of_training  # a second one would end the reading of the first
    assert small_splits.val is not None
    images = small_splits.val.images[:4]
    weights = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (small_splits.mean, small_splits.std))
    prepared = (images / 255 - mean) / std
    output = F.conv2d(prepared, weights["conv1.weight"], weights["conv1.bias"], padding=1)

    every = (small_splits.val.images / 255 - mean) / std
    all_outputs = F.conv2d(every, weights["conv1.weight"], weights["conv1.bias"], padding=1)
    dead = int((all_outputs <= 0).all(dim=3).all(dim=2).all(dim=0).sum())

    def shown(values: torch.Tensor) -> str:
        low, high, average = (f"{v:.3g}".replace("-", "−") for v in (values.min(), values.max(), values.mean()))
        return f"{low} … {high} (mean {average})"

    assert outcome.out.splitlines() == [
        "Shape: (4, 3, 32, 32) → (4, 8, 32, 32).",
        f"Values: {shown(prepared)} going in; {shown(output)} coming out.",
        # All 100 held-out images, not the four that are drawn.
        f"After relu1: over 100 images {100 * (all_outputs <= 0).double().mean():.1f} % of the values are zero; "
        f"{dead} of 8 units ({100 * dead / 8:.0f} %) are dead, zero for every one of them.",
        "Receptive field: the number in the middle of each channel, at row 16, column 16, depends on the 3×3 pixels "
        "that are framed in the image.",
    ]
    pictures = tensorboard_pictures(run / "pictures", "features/conv1")
    assert list(pictures) == [20]  # the step that the weights are of
    drawn = pictures[20].int()
    expected = feature_grid(output, images=images).int()
    assert drawn.shape == expected.shape
    assert (drawn - expected).abs().max() <= 1  # a value between two greys may be rounded to either
    assert torch.equal(
        tensorboard_pictures(run / "pictures", "filters/conv1")[20], filter_grid(weights["conv1.weight"])
    )


def test_the_end_names_the_written_files_and_the_next_command(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("visualize-layer", "conv1")
    shown = f"logs/{run.name}"
    assert outcome.err.splitlines()[-3:] == [
        f"wrote {shown}/images/conv1.png",
        f"wrote TensorBoard features/conv1 in {shown}/pictures/",
        "next: tensorboard --logdir logs",
    ]
    assert min(read_picture(run / "images" / "conv1.png")) > 300


def test_training_and_this_command_write_the_same_pictures(run: Path, cifar: Callable[..., Any]) -> None:
    before = tensorboard_pictures(run, "features/conv1")
    assert list(before) == [0, 10, 20]
    cifar("visualize-layer", "conv1", "--images", "2")  # the sheet has two; TensorBoard always the same four
    best = json.loads((run / "summary.json").read_text())["best_epoch"]
    assert torch.equal(tensorboard_pictures(run / "pictures", "features/conv1")[10 * best], before[10 * best])


def test_more_images_make_a_longer_sheet(cifar: Callable[..., Any], tmp_path: Path) -> None:
    heights = []
    for count in (1, 5):
        outcome = cifar("visualize-layer", "relu1", "--config", "small.yaml", "--images", count)
        assert outcome.out.startswith(f"Shape: ({count}, 8, 32, 32) → ({count}, 8, 32, 32).")
        heights.append(read_picture(tmp_path / "logs" / "small-untrained" / "images" / "relu1.png")[1])
    assert heights[1] > 2 * heights[0]


@pytest.mark.parametrize("layer", ["blocks.0.conv1", "blocks.1", "flatten", "fc"])
def test_any_layer_of_any_network_by_its_dotted_name(layer: str, cifar: Callable[..., Any], tmp_path: Path) -> None:
    words = ["--config", "cnn", "model.widths=[8, 16, 32]", "data.name=synthetic", "data.val_size=100"]
    outcome = cifar("visualize-layer", layer, *words)
    assert outcome.code == 0, outcome.err
    shapes = {
        "blocks.0.conv1": "(4, 3, 32, 32) → (4, 8, 32, 32)",
        "blocks.1": "(4, 8, 16, 16) → (4, 16, 8, 8)",
        "flatten": "(4, 32, 1, 1) → (4, 32)",
        "fc": "(4, 32) → (4, 10)",
    }
    assert outcome.out.splitlines()[0] == f"Shape: {shapes[layer]}."
    run = tmp_path / "logs" / "cnn-untrained"
    read_picture(run / "images" / f"{layer}.png")
    tags = EventAccumulator(str(run / "pictures")).Reload().Tags()["images"]
    assert f"features/{layer}" in tags
    assert (f"filters/{layer}" in tags) == (layer == "blocks.0.conv1")


# --- the tutorials' layers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "words", "shapes"),
    [
        ("conv1", ["--images=8"], "(8, 3, 32, 32) → (8, 6, 30, 30)"),
        ("conv1", ["model.layers.conv1.padding=1"], "(1, 3, 32, 32) → (1, 6, 32, 32)"),
        ("maxpool", [], "(1, 3, 32, 32) → (1, 3, 10, 10)"),
        ("maxpool", ["model.layers.maxpool.ceil_mode=true"], "(1, 3, 32, 32) → (1, 3, 11, 11)"),
        ("relu", [], "(1, 3, 32, 32) → (1, 3, 32, 32)"),
        ("sigmoid", [], "(1, 3, 32, 32) → (1, 3, 32, 32)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_tutorials_layers_give_the_tutorials_shapes(
    layer: str, words: list[str], shapes: str, cifar: Callable[..., Any]
) -> None:
    images = ["--images=1", "data.name=synthetic", "data.val_size=100"]
    outcome = cifar("visualize-layer", layer, "--config", f"layers/{layer}", *images, *words)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[0] == f"Shape: {shapes}."


def test_relu_leaves_images_from_0_to_1_unchanged_and_cuts_off_normalized_images(cifar: Callable[..., Any]) -> None:
    words = ["visualize-layer", "relu", "--config", "layers/relu", "data.name=synthetic", "data.val_size=100"]
    unit, normalized = cifar(*words).out, cifar(*words, "data.normalize=true").out
    unchanged = "Output equals input: no input value is negative, so ReLU changes nothing."
    assert unchanged in unit
    assert "data.normalize=true gives them negative values" in unit
    assert unchanged not in normalized
    assert "; 0 … " in normalized
    assert " % of the output is exactly zero." in normalized


def test_sigmoid_of_0_to_1_lies_between_a_half_and_073(cifar: Callable[..., Any]) -> None:
    words = ["visualize-layer", "sigmoid", "--config", "layers/sigmoid", "data.name=synthetic", "data.val_size=100"]
    # 1 / (1 + e⁰) = 0.5 and 1 / (1 + e⁻¹) = 0.731; pixels are 0 and 255 somewhere.
    assert "Values: 0 … 1 (mean" in (printed := cifar(*words).out)
    assert "; 0.5 … 0.731 (mean" in printed


def test_the_tutorials_reshape_is_there_for_channels_in_threes(cifar: Callable[..., Any], tmp_path: Path) -> None:
    words = ["--mode", "tutorial", "data.name=synthetic", "data.val_size=100"]
    outcome = cifar("visualize-layer", "conv1", "--config", "layers/conv1", *words)
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "logs" / "conv1-untrained"
    assert [path.name for path in (folder / "images").iterdir()] == ["conv1-tutorial.png"]
    read_picture(folder / "images" / "conv1-tutorial.png")


# --- without a run, and with mistakes --------------------------------------------------------------------------


def test_without_any_run_the_default_network_is_drawn_untrained(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_splits: Splits
) -> None:
    # Fake images, since the real ones are not on every machine.
    many = small_splits.train.subset(torch.arange(500).repeat(11))
    fake_dataset = replace(cifar_dataset.CIFAR10, read=lambda root: (many, small_splits.test))
    monkeypatch.setattr(cifar_dataset, "CIFAR10", fake_dataset)
    outcome = cifar("visualize-layer", "conv1")
    assert outcome.code == 0, outcome.err
    assert "this is the untrained network of sequential; its weights, if any, are random, drawn with seed 0" in (
        outcome.err.splitlines()
    )
    assert outcome.out.splitlines()[0] == "Shape: (4, 3, 32, 32) → (4, 32, 32, 32)."
    run = tmp_path / "logs" / "sequential-untrained"
    read_picture(run / "images" / "conv1.png")
    assert set(EventAccumulator(str(run / "pictures")).Reload().Tags()["images"]) >= {"features/conv1", "filters/conv1"}
    # The folder is no run, since nothing was trained.
    assert "found none yet" in cifar("eval").err


def test_real_images_are_drawn(real_data: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("visualize-layer", "conv1", "--config", "layers/conv1", f"data.root={real_data}")
    assert outcome.code == 0, outcome.err
    assert "SYNTHETIC" not in outcome.err
    read_picture(tmp_path / "logs" / "conv1-untrained" / "images" / "conv1.png")


def test_a_folder_that_cannot_be_written_is_named_after_the_sentences(cifar: Callable[..., Any]) -> None:
    outcome = cifar("visualize-layer", "conv1", "--config", "small.yaml", "--log-dir", "small.yaml")
    assert outcome.code == 1
    assert outcome.out.startswith("Shape: ")
    assert "error: small.yaml/small-untrained/images/" in outcome.err
    assert "could not be written: Not a directory; a file stands in the place of a folder" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["conv9"],
            "no layer 'conv9' in run RUN, best weights (epoch 2); did you mean 'conv1'? The layers are: "
            "conv1 (Conv2d), relu1 (ReLU), pool1 (MaxPool2d), flatten (Flatten), dropout (Dropout), fc1 (Linear)\n",
        ),
        (["conv1", "--mode", "tile"], "--mode: expected one of tiles, tutorial, found 'tile'; did you mean 'tiles'?"),
        (
            ["conv1", "--mode", "tutorial"],
            "it needs feature maps with a number of channels divisible by 3; this layer gives (4, 8, 32, 32). "
            "Leave --mode tutorial out for a tile per channel, or look at it with: cifar visualize-layer conv1 "
            "--config layers/conv1 --mode tutorial",
        ),
        (["fc1", "--mode", "tutorial"], "this layer gives (4, 10)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_reported_and_nothing_is_written(
    words: list[str], message: str, run: Path, cifar: Callable[..., Any]
) -> None:
    before = sorted(run.rglob("*"))
    outcome = cifar("visualize-layer", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert message.replace("RUN", run.name) in outcome.err
    assert sorted(run.rglob("*")) == before


def test_tensorboards_pictures_are_an_extra(
    run: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("cifar_cli.inspection.layer_pictures.SummaryWriter", refuse)
    outcome = cifar("visualize-layer", "conv1", run)
    assert outcome.code == 0
    assert (
        f"warning: {run}/pictures: TensorBoard's file could not be written: Read-only file system; choose a folder "
        "that can be written to; TensorBoard's pictures are left out\n"
    ) in outcome.err
    read_picture(run / "images" / "conv1.png")
    assert "wrote TensorBoard" not in outcome.err

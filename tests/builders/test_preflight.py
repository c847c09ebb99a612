"""Experiments that cannot be trained are refused before anything is written, most of them before any download."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.builders.preflight import preflight
from cifar_cli.config import load


def test_a_batch_larger_than_the_training_set_is_an_error_with_drop_last(cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--config", "small.yaml", "data.batch_size=501", "data.drop_last=true")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (
        2,
        "error: data.batch_size: expected at most the 500 images there are to train on, as data.drop_last is true, "
        "found 501; write a smaller one",
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["layers/conv1", "data.name=synthetic"],
            2,
            "model.layers: expected one score for each of the 10 classes of synthetic at the end, found 6×30×30 = "
            "5400 numbers from conv1; add `- flatten: Flatten` and `- fc: {type: Linear, out_features: 10}`",
        ),
        (
            ["cnn", "data.name=synthetic", "data.val_size=100", "log.feature_layers=[blocks.0.conv9]"],
            2,
            "no layer 'blocks.0.conv9'; did you mean 'blocks.0.conv2'? The layers are: blocks (Sequential), ",
        ),
        # Refused before anything is downloaded.
        (["cnn", "data.root=none", "train.freeze=[conv9.*]"], 2, "train.freeze: expected the names of parameters"),
        (["cnn", "data.root=none", "init.whiten=conv9"], 2, "no layer 'conv9'"),
        (
            ["cnn", "data.name=synthetic", "data.val_size=83", "data.batch_size=43", "model.widths=[8,8,8,8,8]"],
            2,
            "data.batch_size: 517 images in batches of 43 leave a batch of one, in which a BatchNorm sees a single "
            "number; write data.drop_last=true, or another size",
        ),
        (
            [
                *("cnn", "data.name=synthetic", "data.val_size=80", "data.batch_size=40", "train.micro_batch_size=1"),
                "model.widths=[8,8,8,8,8]",
            ],
            2,
            "train.micro_batch_size: 1 leaves parts of one image, in which a BatchNorm sees a single number; write a "
            "larger one",
        ),
        (["small.yaml", "log.feature_layers=[conv9]"], 2, "no layer is named 'conv9'; did you mean 'conv1'?"),
        (
            ["small.yaml", "train.precision=fp16", "train.device=cpu"],
            2,
            "train.precision: fp16 needs a GPU, found a CPU; write train.precision=auto",
        ),
        (
            ["small.yaml", "data.val_size=600"],
            2,
            "data.val_size: expected 0 to 599 of the 600 training images, found 600; write for example 60",
        ),
        (
            ["small.yaml", "log.dir=small.yaml"],
            1,
            "small.yaml: expected a folder to write runs to, found: File exists; name another with log.dir=FOLDER",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_an_experiment_that_cannot_be_trained_is_refused_before_anything_is_written(
    words: list[str], code: int, message: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("train", "--config", *words)
    assert outcome.code == code
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "logs").exists()


def test_a_dataset_that_would_be_downloaded_among_ones_own_images_gives_a_warning(tmp_path: Path) -> None:
    def warned(root: Path, *words: str) -> list[str]:
        told: list[str] = []
        preflight(load("cnn", [f"data.root={root}", *words]), warn=told.append)
        return told

    (tmp_path / "train" / "cat").mkdir(parents=True)
    assert warned(tmp_path) == [
        f"data.root: {tmp_path} holds images of your own, in train/<class>/, but data.name is cifar10, which is looked "
        f"for there, and downloaded to it; to train on yours, write data.name=folder"
    ]
    assert warned(tmp_path, "data.name=synthetic") == []
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert warned(tmp_path) == []
    assert warned(tmp_path / "none") == []

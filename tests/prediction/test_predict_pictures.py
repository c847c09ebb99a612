"""Pictures as a network gets them: grey ones against Pillow's own conversion, and only a few kept in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cifar_cli.builders.load_model import LoadedModel, NetworkFacts
from cifar_cli.config import load_text
from cifar_cli.errors import RunError, UsageError
from cifar_cli.prediction.find_pictures import PictureFile
from cifar_cli.prediction.predict_pictures import MAX_KEPT, predict_pictures
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.calibration import Calibration

CLASSES = tuple(f"class {number}" for number in range(10))


class FirstPixel(nn.Module):
    """A network whose score of class k is k times the first pixel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, :1] * torch.arange(10)


def opened(model: nn.Module, data: str) -> LoadedModel:
    text = f"data: {{name: {data}, normalize: false}}\ntrain: {{device: cpu, precision: fp32}}\n"
    experiment = load_text(f"{text}model: {{name: mlp}}\n", location="x.yaml")
    return LoadedModel(experiment, model, RunFolder(Path("logs/x")), "x", Path("x.pt"), epoch=1, step=1)


def facts(channels: int, calibration: Calibration | None = None) -> NetworkFacts:
    return NetworkFacts((0.5,) * channels, (0.5,) * channels, CLASSES, calibration)


def test_a_network_of_grey_images_gets_pillows_grey(tmp_path: Path) -> None:
    pixels = np.random.RandomState(0).randint(256, size=(28, 28, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    file = PictureFile(tmp_path / "a.png", "a.png", is_named=True)
    found = predict_pictures(opened(FirstPixel(), "fashion_mnist"), [file], facts(1))
    expected = torch.from_numpy(np.asarray(Image.fromarray(pixels).convert("L")).copy())
    assert torch.equal(found.kept_pixels()[0, 0], expected)


def test_only_the_first_pictures_are_kept_and_all_are_predicted(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    files = [PictureFile(tmp_path / "a.png", str(number), is_named=False) for number in range(260)]
    found = predict_pictures(opened(FirstPixel(), "cifar10"), files, facts(3))
    assert [picture.file.name for picture in found.pictures] == [str(number) for number in range(260)]
    assert len(found.kept) == MAX_KEPT


@pytest.mark.parametrize(("doubtful_below", "expected"), [(0.2, False), (0.9, True)])
def test_a_picture_is_doubtful_below_the_limit_at_the_temperature(
    doubtful_below: float, expected: bool, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "a.png")
    file = PictureFile(tmp_path / "a.png", "a.png", is_named=True)
    calibrated = facts(3, Calibration(2.0, doubtful_below, images=100))
    (picture,) = predict_pictures(opened(FirstPixel(), "cifar10"), [file], calibrated).pictures
    scores = np.exp(np.arange(10) / 2.0)
    assert picture.top(2) == [
        (9, pytest.approx(scores[9] / scores.sum())),
        (8, pytest.approx(scores[8] / scores.sum())),
    ]
    assert picture.is_doubtful is expected


def test_a_network_without_a_score_for_each_class_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    file = PictureFile(tmp_path / "a.png", "a.png", is_named=True)
    with pytest.raises(
        UsageError, match=r"a score for each of the 10 classes, found an output of shape \(1, 3, 32, 32\)"
    ):
        predict_pictures(opened(nn.Identity(), "cifar10"), [file], facts(3))


def test_scores_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    file, model = PictureFile(tmp_path / "a.png", "a.png", is_named=True), FirstPixel()
    model.register_forward_hook(lambda module, inputs, scores: scores * float("nan"))
    with pytest.raises(RunError, match="expected scores that are numbers, found NaN or infinity"):
        predict_pictures(opened(model, "cifar10"), [file], facts(3))

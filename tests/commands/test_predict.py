"""`cifar predict`: real files of many formats, what it prints, draws and refuses."""

import csv
import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cifar_cli.builders.load_model import load_model
from cifar_cli.builders.load_pretrained import load_pretrained
from cifar_cli.data.datasets.synthetic import synthetic_sets

FORMATS = ("png", "bmp", "gif", "webp", "jpg")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of synthetic test images in several formats, larger than the network's input."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    _, test = synthetic_sets(train_size=10, test_size=10)
    for number, pixels in enumerate(test.images.permute(0, 2, 3, 1).numpy()):
        picture = Image.fromarray(pixels).resize((96, 64))
        picture.save(folder / ("more" if number > 7 else "") / f"photo {number}.{FORMATS[number % 5]}")
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of the network's own size, which is not resized."""
    path = tmp_path / "one.png"
    Image.fromarray(np.random.RandomState(3).randint(256, size=(32, 32, 3), dtype=np.uint8)).save(path)
    return path


def probabilities(picture: Path, run: Path, *, temperature: float) -> torch.Tensor:
    """The probabilities by torch's own arithmetic, with the mean and the deviation of the dataset's table."""
    network = load_model(str(run), log_dir=run.parent).model.eval()
    pixels = torch.from_numpy(np.asarray(Image.open(picture)).copy()).permute(2, 0, 1).float() / 255
    mean, std = torch.tensor((0.500, 0.505, 0.501)), torch.tensor((0.286, 0.285, 0.287))
    normalized = (pixels - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        return torch.softmax(network(normalized[None])[0].double() / temperature, dim=0)


def test_the_probabilities_are_the_networks_at_the_kept_temperature(
    run: Path, picture: Path, cifar: Callable[..., Any]
) -> None:
    found = json.loads(cifar("predict", picture, "--json", "--top", "10").out)
    kept = json.loads((run / "calibration.json").read_text())
    assert found["temperature"] == kept["temperature"]
    assert kept["images"] == 100
    expected = probabilities(picture, run, temperature=kept["temperature"])
    (said,) = found["pictures"]
    assert [each["probability"] for each in said["classes"]] == pytest.approx(
        expected.sort(descending=True).values.tolist(), abs=1e-5
    )
    assert said["unlike_training"] == (float(expected.max()) < kept["doubtful_below"])
    assert found["network"].startswith(f"run {run.name}, best weights")


@pytest.mark.usefixtures("run")
def test_the_second_time_nothing_is_calibrated(picture: Path, cifar: Callable[..., Any]) -> None:
    first, second = cifar("predict", picture, "--csv"), cifar("predict", picture, "--csv")
    assert "calibrating on the 100 validation images, once for these weights" in first.err
    assert "calibrating" not in second.err
    assert first.out == second.out


@pytest.mark.usefixtures("run")
def test_bars_are_printed_and_the_next_command(picture: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("predict", picture.name, "--top", "3")
    assert outcome.code == 0
    name, *lines = outcome.out.splitlines()
    assert name == "one.png"
    assert all(" % " in line for line in lines[:3])
    assert "▀" not in outcome.out  # no terminal, no picture
    assert "the network gets the middle square of each picture, resized to 32×32 pixels" in outcome.err
    assert "it was trained on SYNTHETIC images" in outcome.err
    assert outcome.err.splitlines()[-1] == "next: cifar predict one.png --grad-cam"


@pytest.mark.usefixtures("pictures")
def test_a_folder_is_a_table_and_a_contact_sheet(run: Path, pictures: Path, cifar: Callable[..., Any]) -> None:
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "empty.jpg").write_bytes(b"")
    (pictures / ".hidden.png").write_bytes(b"")
    outcome = cifar("predict", "pictures", "--csv", "--top", "2")
    assert outcome.code == 0
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    order = ["more/photo 8.webp", "more/photo 9.jpg", *(f"photo {n}.{FORMATS[n % 5]}" for n in range(8))]
    assert sorted(row["file"] for row in rows) == sorted(f"pictures/{name}" for name in order)
    assert all(float(row["probability"]) >= float(row["probability_2"]) for row in rows)
    assert "left out 2 files that cannot be read as a picture:" in outcome.err
    assert "\n  pictures/empty.jpg is empty\n  pictures/notes.txt is no picture in a format" in outcome.err
    sheet = run / "images" / "predict-pictures.png"
    assert f"wrote logs/{run.name}/images/predict-pictures.png" in outcome.err
    with Image.open(sheet) as drawn:
        assert drawn.width > 6 * 128


@pytest.mark.usefixtures("run")
def test_a_picture_from_a_pipe(picture: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    named = json.loads(cifar("predict", picture, "--json").out)["pictures"][0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture.read_bytes())))
    outcome = cifar("predict", "-", "--json")
    assert json.loads(outcome.out)["pictures"][0] == {**named, "file": "<stdin>"}
    assert outcome.err.splitlines()[-1] == "next: cifar explain"


def test_where_it_looked_is_drawn(run: Path, picture: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("predict", picture, "--grad-cam", "--run", run.name)
    assert outcome.code == 0
    assert f"wrote logs/{run.name}/images/predict-one-grad-cam.png" in outcome.err
    assert outcome.err.splitlines()[-1] == f"next: cifar explain logs/{run.name}"
    with Image.open(run / "images" / "predict-one-grad-cam.png") as drawn:
        assert drawn.width > 1000


@pytest.mark.usefixtures("pretrained")
def test_without_a_run_the_network_that_comes_along_answers(
    picture: Path, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    outcome = cifar("predict", picture, "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert found["network"].startswith("the network that comes along (compact, ")
    facts = load_pretrained(log_dir=tmp_path).facts
    assert facts is not None
    assert facts.calibration is not None
    assert found["temperature"] == facts.calibration.temperature
    assert "calibrating" not in outcome.err
    assert outcome.err.splitlines()[-1] == f"next: cifar predict {picture} --pretrained --grad-cam"


def test_a_named_file_that_cannot_be_read_fails_after_the_others(
    run: Path, picture: Path, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    outcome = cifar("predict", "cut.jpg", picture.name, "--csv")
    assert outcome.code == 1
    assert outcome.out.splitlines()[1].startswith("one.png,")
    assert "error: expected pictures, found 1 file that cannot be read:\n  cut.jpg is " in outcome.err
    assert run.is_dir()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "cifar predict: expected pictures or a folder, found none; write for example photo.jpg"),
        (["absent.png"], "absent.png: expected a picture or a folder of pictures, found no such file; mend the path"),
        (["nothing"], "nothing: expected a folder with pictures, found no file in it; name another"),
        (["one.png", "--json", "--csv"], "expected --json or --csv, found both; leave one of them out"),
        (["one.png", "optimizer.lr=3"], "optimizer.lr=3: a run's configuration is fixed except for data.root, "),
    ],
)
@pytest.mark.usefixtures("run", "picture")
def test_a_mistake_is_told_with_its_mend(
    words: list[str], message: str, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    (tmp_path / "nothing").mkdir()
    outcome = cifar("predict", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"error: {message}" in outcome.err


def test_a_run_whose_images_are_not_here_predicts_without_calibration(
    run: Path, picture: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cifar_cli.errors import DataError

    def absent(*words: object, **options: object) -> None:
        raise DataError("no images\nand more")

    monkeypatch.setattr("cifar_cli.runner.network_facts.load_data", absent)
    outcome = cifar("predict", picture, "--json")
    assert outcome.code == 0
    assert "the probabilities are not calibrated, since its images are not here: no images\n" in outcome.err
    found = json.loads(outcome.out)
    assert found["temperature"] is None
    assert found["pictures"][0]["unlike_training"] is None
    assert not (run / "calibration.json").exists()


def test_a_run_with_few_validation_images_is_not_calibrated_on_them(
    run: Path, picture: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cifar_cli.runner.network_facts.LEAST_IMAGES", 101)
    outcome = cifar("predict", picture, "--json")
    assert (outcome.code, json.loads(outcome.out)["temperature"]) == (0, None)
    assert (
        "the probabilities are not calibrated: its training held out 100 images, and 101 are needed (data.val_size)\n"
        in outcome.err
    )
    assert not (run / "calibration.json").exists()


@pytest.mark.usefixtures("pretrained", "picture")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--model", "net.py:Net"], 1, "make one with: cifar train --model net.py:Net"),
        (["--trust-model"], 1, "make one with: cifar train --config quickstart"),
        (["--pretrained", "--model", "net.py:Net"], 2, "expected no other network, found --model (net.py:Net); leave"),
        (["--pretrained", "--trust-model"], 2, "expected no other network, found --trust-model; leave one of the two"),
    ],
)
def test_another_network_never_answers_in_the_place_of_ones_own(
    words: list[str], code: int, message: str, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\n\n\nclass Net(nn.Module):\n    pass\n")
    outcome = cifar("predict", "one.png", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"temperature": math.nan}, {"images": math.inf}, {"images": 9}])
def test_a_calibration_that_cannot_be_right_is_measured_anew(
    wrong: dict[str, float], run: Path, picture: Path, cifar: Callable[..., Any]
) -> None:
    first, path = cifar("predict", picture, "--csv"), run / "calibration.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, **wrong}))
    again = cifar("predict", picture, "--csv")
    assert (again.code, again.out) == (0, first.out)
    assert json.loads(path.read_text()) == kept


@pytest.mark.usefixtures("run")
def test_the_decoding_of_many_pictures_is_shown(tmp_path: Path, cifar: Callable[..., Any]) -> None:
    (tmp_path / "many").mkdir()
    for number in range(1001):
        Image.new("L", (1, 1)).save(tmp_path / "many" / f"{number}.png")
    assert "decoded 1,001 of 1,001 images" in cifar("predict", "many", "--csv").err


@pytest.mark.parametrize("words", [["--log-dir", "elsewhere"], ["--weights", "last"]])
def test_the_next_command_names_the_same_network(
    words: list[str], run: Path, picture: Path, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    folder = run.parent.rename(tmp_path / words[1]) if words[0] == "--log-dir" else run.parent
    outcome = cifar("predict", picture.name, *words)
    weights = " --weights last" if words[0] == "--weights" else ""
    expected = f"next: cifar predict one.png --run {folder.name}/{run.name}{weights} --grad-cam"
    assert outcome.err.splitlines()[-1] == expected

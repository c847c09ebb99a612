"""Which given weights fit a network, and what is said of the others."""

from pathlib import Path

import pytest
import torch

from cifar_cli.builders.build_model import build_model
from cifar_cli.builders.initial_weights import copy_into, find_initial_weights
from cifar_cli.config import Experiment, load_text
from cifar_cli.errors import CheckpointError

LAYERS = """\
model:
  layers:
    - conv: {type: Conv2d, out_channels: 4, kernel_size: 3}
    - norm: BatchNorm2d
    - pool: {type: AdaptiveAvgPool2d, output_size: 1}
    - flatten: Flatten
    - fc: {type: Linear, out_features: CLASSES}
"""


def experiment(data: str = "cifar10", *, classes: int = 10) -> Experiment:
    text = f"data: {{name: {data}}}\n{LAYERS}".replace("CLASSES", str(classes))
    return load_text(text, location="x.yaml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The weights of the network of ten classes, all of them ones."""
    weights = build_model(experiment()).state_dict()
    torch.save({name: torch.ones_like(tensor) for name, tensor in weights.items()}, tmp_path / "x.pth")
    return tmp_path / "x.pth"


def test_what_fits_is_taken(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build_model(experiment())
    copy_into(model, find_initial_weights(file, experiment()))
    assert all(tensor.double().mean() == 1 for tensor in model.state_dict().values())
    # Convolution 4 · 27 + 4, normalization 8, linear layer 50.
    assert capsys.readouterr().err == f"--from {file}: took 9 of 9 tensors, 170 of 170 parameters\n"


def test_a_head_for_other_classes_is_left_as_drawn(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_hundred = experiment("cifar100", classes=100)
    model, drawn = build_model(of_hundred), build_model(of_hundred)
    copy_into(model, find_initial_weights(file, of_hundred))
    assert torch.equal(model.get_parameter("fc.weight"), drawn.get_parameter("fc.weight"))
    assert model.get_parameter("conv.weight").mean() == 1
    said = capsys.readouterr().err
    assert "took 7 of 9 tensors, 120 of 620 parameters" in said
    assert (
        "the head (fc.weight, fc.bias) is left as drawn: it has scores for 100 classes, and in the file for 10" in said
    )
    assert "warning" not in said


def test_what_does_not_fit_is_listed_with_both_shapes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = dict(build_model(experiment()).state_dict())
    del weights["norm.bias"]
    weights |= {"conv.weight": torch.ones(4, 3, 5, 5), "other.weight": torch.ones(2)}
    torch.save(weights, tmp_path / "x.pth")
    found = find_initial_weights(tmp_path / "x.pth", experiment())
    assert {"conv.weight", "norm.bias", "other.weight"}.isdisjoint(found.tensors)
    said = capsys.readouterr().err
    assert "  of another shape in the file:\n    conv.weight 4×3×5×5, here 4×3×3×3\n" in said
    assert "  not in the file:\n    norm.bias 4\n" in said
    assert "in the file only:\n    other.weight 2\n" in said


def test_where_nothing_fits_it_is_an_error(tmp_path: Path) -> None:
    # A counter of BatchNorm, which fits, is no parameter.
    torch.save({"a.weight": torch.ones(3, 2), "norm.num_batches_tracked": torch.tensor(1)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError) as caught:
        find_initial_weights(tmp_path / "x.pth", experiment())
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'x.pth'}: expected weights for sequential, found none that fit:\n")
    assert "  in the file:\n    a.weight 3×2\n" in said
    assert "  in the network:\n    conv.weight 4×3×3×3\n" in said


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    weights = {name: tensor.half() for name, tensor in build_model(experiment()).state_dict().items()}
    torch.save(weights, tmp_path / "x.pth")
    model = build_model(experiment())
    copy_into(model, find_initial_weights(tmp_path / "x.pth", experiment()))
    assert model.get_parameter("conv.weight").dtype == torch.float32
    assert torch.equal(model.get_parameter("conv.weight"), weights["conv.weight"].float())


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_weights_that_are_no_numbers_are_not_taken(value: str, tmp_path: Path) -> None:
    weights = dict(build_model(experiment()).state_dict())
    torch.save(weights | {"fc.bias": torch.full((10,), float(value))}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"found NaN or infinity in 1 of 9 tensors:\n  spoilt:\n    fc\.bias\n"):
        find_initial_weights(tmp_path / "x.pth", experiment())

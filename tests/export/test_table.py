"""Every format with every network, ONNX with every operation of them: a file gives the network's own answers."""

import json
import runpy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from cifar_cli.builders.build_model import build_model
from cifar_cli.config import load_text
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import RunError, UsageError
from cifar_cli.export import onnx_format, python_format, safetensors_format, torch_export_format
from cifar_cli.export.export_network import compare, export_network
from cifar_cli.export.exported_network import ExportedNetwork, NormalizedNetwork
from cifar_cli.export.table import FORMATS, check_libraries
from cifar_cli.models.table import MODELS

CLASS_NAMES = tuple(f"class {number}" for number in range(10))
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def exported(model: str) -> ExportedNetwork:
    """The model's example with random weights and BatchNorm statistics, in the state after a training."""
    keys = {"name": model, **MODELS[model].example}
    experiment = load_text(f"model: {to_flow_yaml(keys)}\nseed: 3\n", location="x.yaml")
    network = build_model(experiment)
    network(torch.rand(8, 3, 32, 32))
    return ExportedNetwork(network.eval(), experiment, MEAN, STD, CLASS_NAMES, "run x, best weights (epoch 3)")


@pytest.fixture(scope="module")
def images() -> ImageSet:
    pixels = torch.randint(0, 256, (7, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return ImageSet("test", pixels, torch.arange(7), CLASS_NAMES)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("python", "onnx")])
def test_a_file_of_every_format_answers_as_the_network_does(
    name: str, distinct_model: str, images: ImageSet, tmp_path: Path
) -> None:
    assert_it_answers_as_the_network_does(name, exported(distinct_model), images, tmp_path)


def test_onnx_answers_as_the_network_does_with_every_operation_of_every_network(
    names_of_distinct_models: tuple[str, ...],
    operations_in: Callable[[Callable[[], object]], set[str]],
    images: ImageSet,
    tmp_path: Path,
) -> None:
    # Translated one operation at a time, in seconds: few networks have all operations of the others.
    for library in FORMATS["onnx"].libraries:
        pytest.importorskip(library)  # ONNX Runtime comes later than a new Python
    batch = torch.rand(1, 3, 32, 32)
    used = {name: operations_in(partial(exported(name).network, batch)) for name in names_of_distinct_models}
    seen: set[str] = set()
    for name in sorted(used, key=lambda name: len(used[name]), reverse=True):
        if used[name] - seen:
            assert_it_answers_as_the_network_does("onnx", exported(name), images, tmp_path)
        seen |= used[name]


@pytest.mark.parametrize("model", ["sequential", "cnn"])
def test_a_program_in_a_process_of_its_own_answers_as_the_network_does(
    model: str, images: ImageSet, tmp_path: Path
) -> None:
    assert_it_answers_as_the_network_does("python", exported(model), images, tmp_path)


def test_the_program_of_every_network_builds_it_without_this_package(
    distinct_model: str, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = exported(distinct_model)
    program, _ = python_format.write(network, tmp_path / "network.py")
    monkeypatch.setitem(sys.modules, "cifar_cli", None)  # an import of it fails
    read = runpy.run_path(str(program))["load_network"]()
    normalized = NormalizedNetwork(network.network, mean=MEAN, std=STD)
    with torch.inference_mode():
        assert torch.equal(read(images.images / 255), normalized(images.images / 255))


def assert_it_answers_as_the_network_does(
    name: str, network: ExportedNetwork, images: ImageSet, tmp_path: Path
) -> None:
    export = export_network(network, tmp_path / f"a network{FORMATS[name].suffix}", format=name, images=images)
    assert export.files[0].stat().st_size > 0
    assert export.comparison.same_class == export.comparison.images == 7
    normalized = (images.images / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.inference_mode():
        expected = network.network(normalized)
    assert export.comparison.largest_logit == pytest.approx(float(expected.abs().max()), rel=1e-5)
    assert export.comparison.correct == int((expected.argmax(1) == images.labels).sum())


def test_the_metadata_can_be_read_with_each_formats_own_library(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    from safetensors import safe_open

    network = exported("mlp")
    onnx_format.write(network, tmp_path / "x.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == network.metadata
    assert [(it.name, it.shape) for it in session.get_inputs()] == [("images", ["N", 3, 32, 32])]
    safetensors_format.write(network, tmp_path / "x.safetensors")
    with safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        assert file.metadata() == network.metadata
        assert set(file.keys()) == set(network.network.state_dict())
    torch_export_format.write(network, tmp_path / "x.pt2")
    extra = {"metadata.json": ""}
    torch.export.load(tmp_path / "x.pt2", extra_files=extra)
    assert json.loads(extra["metadata.json"]) == network.metadata
    assert json.loads(network.metadata["class_names"]) == list(CLASS_NAMES)


class Wrong(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :10]


def test_a_file_that_answers_otherwise_is_an_error(
    images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_export_format, "read", lambda path: Wrong())
    with pytest.raises(RunError, match=r"found logits that differ by up to .* on 7 images; do not use the file"):
        export_network(exported("mlp"), tmp_path / "x.pt2", format="torch.export", images=images)


def test_a_comparison_counts_classes_and_right_answers_by_hand() -> None:
    pixels = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
    pixels[0, 0, 0, 0] = pixels[1, 0, 0, 1] = pixels[2, 0, 0, 2] = 255  # Wrong answers with classes 0, 1, 2
    images = ImageSet("test", pixels, torch.tensor([0, 1, 9]), CLASS_NAMES)
    found = compare(Wrong(), lambda batch: Wrong()(batch).roll(1, dims=1) * 2, images)
    assert (found.images, found.same_class, found.correct, found.exported_correct) == (3, 0, 2, 0)
    assert (found.largest_logit, found.largest_difference) == (1.0, 2.0)


def test_the_normalization_is_worked_by_hand() -> None:
    network = NormalizedNetwork(nn.Identity(), mean=MEAN, std=STD)
    found = network(torch.ones(1, 3, 1, 1)).flatten().tolist()
    assert found == pytest.approx([0.6 / 0.2, 0.5 / 0.3, 0.4 / 0.25])


def test_a_missing_library_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[..., object] = lambda name: None if name != "onnx" else object()  # noqa: E731
    monkeypatch.setattr("cifar_cli.export.table.find_spec", find)
    with pytest.raises(UsageError) as caught:
        check_libraries("onnx")
    assert str(caught.value).startswith("--to onnx: expected the libraries onnxscript, onnxruntime, found none; ")
    assert 'pip install -e ".[export]"' in str(caught.value)
    check_libraries("python")


def test_the_network_runs_where_this_package_cannot_be_imported(images: ImageSet, tmp_path: Path) -> None:
    program, weights = python_format.write(exported("cnn"), tmp_path / "my net.py")
    assert "cifar_cli" not in program.read_text()
    weights.unlink()
    with pytest.raises(RunError, match="the exported program fails: FileNotFoundError"):
        python_format.read(program)(images.images / 255)
    assert "cifar_cli" in sys.modules

"""The references: the same network, with the defaults of torch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from cifar_cli import config
from cifar_cli.benchmark import references
from cifar_cli.benchmark.table import REFERENCES
from cifar_cli.builders.build_model import build_model
from cifar_cli.builders.build_training import build_runtime
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.section import load_target
from cifar_cli.training.runtime import Runtime

CPU = torch.device("cpu")
TEXT = """\
data: {name: synthetic, batch_size: 20, val_size: 100, normalize: true}
model: {name: cnn, widths: [64, 256]}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9, weight_decay: 0.1}
train: {compile: true, device: cpu, fast_convolutions: auto}
"""


@pytest.fixture
def experiment() -> Experiment:
    return config.load_text(TEXT, location="a test")


@pytest.fixture
def built(experiment: Experiment, small_splits: Splits, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Returns a function that builds a reference, and returns the arguments of its loop."""

    def build(name: str) -> dict[str, Any]:
        arguments: dict[str, Any] = {}

        def record(state: Any, task: Any, **others: Any) -> None:
            arguments.update(others, state=state, task=task)

        for loop in ("timed_tutorial_loop", "timed_bare_loop"):
            monkeypatch.setattr(references, loop, record)
        load_target(REFERENCES[name].target)(**references.reference_arguments(experiment, small_splits, CPU))
        return arguments

    return build


@pytest.mark.parametrize("name", list(REFERENCES))
def test_a_reference_starts_with_the_same_weights_and_updates_them_as_torch_does_by_default(
    name: str, built: Callable[[str], Any], experiment: Experiment
) -> None:
    state, task = built(name)["state"], built(name)["task"]
    for theirs, ours in zip(state.model.parameters(), build_model(experiment).parameters(), strict=True):
        assert torch.equal(theirs, ours)
    assert isinstance(state.optimizer, torch.optim.SGD)
    assert [group["fused"] for group in state.optimizer.param_groups] == [None, None]
    assert [group["weight_decay"] for group in state.optimizer.param_groups] == [0.1, 0.0]
    assert task.forward is not None
    assert not hasattr(task.forward, "_orig_mod")  # as a compiled network has
    assert {type(module) for module in state.model.modules() if isinstance(module, nn.Conv2d)} == {nn.Conv2d}


def test_the_tutorial_reference_loads_single_images_in_torchs_default_memory_format(
    built: Callable[[str], Any], small_splits: Splits
) -> None:
    arguments = built("tutorial")
    # A channels_last filter bank lies in memory as (out, height, width, in).
    assert all(parameter.is_contiguous() for parameter in arguments["state"].model.parameters())
    loader = arguments["dataloader"]
    assert (loader.batch_size, loader.num_workers, len(loader.dataset)) == (20, 0, 500)
    assert isinstance(loader.sampler, torch.utils.data.RandomSampler)
    image, label = loader.dataset[3]
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (small_splits.mean, small_splits.std))
    assert torch.allclose(image, (small_splits.train.images[3] / 255 - mean) / std, atol=1e-6)
    assert label == small_splits.train.labels[3]


def test_the_tutorial_reference_augments_single_images_by_torchvision(
    experiment: Experiment, small_splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "timed_tutorial_loop", lambda state, task, **arguments: arguments)
    text = TEXT.replace("normalize: true", "normalize: true, augment: {rotation: 10, crop_padding: 4, mixup: 0.2}")
    sent = references.reference_arguments(config.load_text(text, location="a test"), small_splits, CPU)
    arguments: Any = references.tutorial_reference(**sent)
    steps = arguments["dataloader"].dataset.transform.transforms
    assert [type(step).__name__ for step in steps] == ["RandomCrop", "RandomRotation", "ToTensor", "Normalize"]


def test_the_plain_reference_takes_whole_batches_in_the_trainings_precision_and_memory_format(
    built: Callable[[str], Any], small_splits: Splits
) -> None:
    arguments = built("plain")
    assert arguments["runtime"] == Runtime(CPU, build_runtime(config.load_text(TEXT, location="a test")).precision)
    filters = arguments["state"].model.blocks[0].conv1.weight
    assert filters.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(arguments["images"].images, small_splits.train.images)
    assert arguments["batch_size"] == 20


def test_another_process_gets_the_training_images_alone(experiment: Experiment, small_splits: Splits) -> None:
    sent = references.reference_arguments(experiment, small_splits, CPU)["splits"]
    assert isinstance(sent, Splits)
    assert (len(sent.train), sent.val, len(sent.test)) == (500, None, 0)

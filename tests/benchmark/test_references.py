"""What a training is measured against: the same network, put together as torch has it by default."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from cifar_cli import config
from cifar_cli.benchmark import references as references
from cifar_cli.builders.build_model import build_model
from cifar_cli.builders.build_training import build_runtime
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
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
    """Returns a function that builds a reference and gives what its loop would be handed."""

    def build(name: str) -> dict[str, Any]:
        handed: dict[str, Any] = {}

        def note(state: Any, task: Any, **rest: Any) -> None:
            handed.update(rest, state=state, task=task)

        for loop in ("from_tutorials", "by_hand"):
            monkeypatch.setattr(references, loop, note)
        references.REFERENCES[name](**references.arguments(experiment, small_splits, CPU))
        return handed

    return build


@pytest.mark.parametrize("name", list(references.REFERENCES))
def test_a_reference_begins_with_our_weights_and_updates_them_as_torch_does(
    name: str, built: Callable[[str], Any], experiment: Experiment
) -> None:
    state, task = built(name)["state"], built(name)["task"]
    for theirs, ours in zip(state.model.parameters(), build_model(experiment).parameters(), strict=True):
        assert torch.equal(theirs, ours)
    assert isinstance(state.optimizer, torch.optim.SGD)
    assert [group["fused"] for group in state.optimizer.param_groups] == [None, None]
    assert [group["weight_decay"] for group in state.optimizer.param_groups] == [0.1, 0.0]
    assert task.forward is not None
    assert not hasattr(task.forward, "_orig_mod")  # what torch.compile puts around a network
    assert {type(module) for module in state.model.modules() if isinstance(module, nn.Conv2d)} == {nn.Conv2d}


def test_the_tutorials_take_image_after_image_in_torchs_own_memory_format(
    built: Callable[[str], Any], small_splits: Splits
) -> None:
    handed = built("tutorial")
    # A channels_last filter bank lies in memory as (out, height, width, in).
    assert all(parameter.is_contiguous() for parameter in handed["state"].model.parameters())
    loader = handed["dataloader"]
    assert (loader.batch_size, loader.num_workers, len(loader.dataset)) == (20, 0, 500)
    assert isinstance(loader.sampler, torch.utils.data.RandomSampler)
    image, label = loader.dataset[3]
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (small_splits.mean, small_splits.std))
    assert torch.allclose(image, (small_splits.train.images[3] / 255 - mean) / std, atol=1e-6)
    assert label == small_splits.train.labels[3]


def test_the_plain_loop_takes_whole_batches_in_our_precision_and_memory_format(
    built: Callable[[str], Any], small_splits: Splits
) -> None:
    handed = built("plain")
    assert handed["runtime"] == Runtime(CPU, build_runtime(config.load_text(TEXT, location="a test")).precision)
    filters = handed["state"].model.blocks[0].conv1.weight
    assert filters.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(handed["images"].images, small_splits.train.images)
    assert handed["batch_size"] == 20


def test_no_more_is_sent_than_is_trained_on(experiment: Experiment, small_splits: Splits) -> None:
    sent = references.arguments(experiment, small_splits, CPU)["splits"]
    assert isinstance(sent, Splits)
    assert (len(sent.train), sent.val, len(sent.test)) == (500, None, 0)

"""The options of the page on training, interrupted in an epoch: a resumed run equals an uninterrupted one."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

OPTIONS = {
    "in parts": ["train.micro_batch_size=20", "train.clip_grad_norm=1", "data.hard_example_fractions=[1, 0.5]"],
    "sam": ["sharpness={name: sam}", "data.augment.mixup=0.2", "loss={name: focal, class_weights: balanced}"],
    "asam in parts": [
        "sharpness={name: asam, rho: 0.1}",
        "train.micro_batch_size=20",
        "average={name: ema, decay: 0.9}",
    ],
}
WORDS = ["train", "--config", "small.yaml", "log.images_every=0", "log.mistakes=0", "log.embeddings=0"]


def checkpoint_of(run: Path) -> dict[str, Any]:
    contents: dict[str, Any] = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    return contents


@pytest.mark.parametrize("option", OPTIONS)
def test_an_interrupted_training_with_the_option_ends_as_an_uninterrupted_one(
    option: str, cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    words = [*WORDS, *OPTIONS[option]]
    outcome = cifar(*words)
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "logs").iterdir()
    with at_step(13, lambda state: signal.raise_signal(signal.SIGINT)):  # in the second epoch
        assert cifar(*words).code == 130
    (stopped,) = set((tmp_path / "logs").iterdir()) - {run}
    assert cifar("train", "--resume", stopped).code == 0
    found, expected = checkpoint_of(stopped), checkpoint_of(run)
    assert found["progress"] == expected["progress"]
    assert [key for key, value in expected["model"].items() if not torch.equal(value, found["model"][key])] == []

"""The learning rate that is reported, for every way to divide the parameters among section and groups."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.optim.reported_lr import ConfiguredLr, configured_lr
from cifar_cli.optim.schedules.build_schedule import build_schedule, last_lr


def group(pattern: str, lr: float, *, name: str = "sgd", epochs: float | None = None) -> dict[str, object]:
    return {"name": name, "parameters": [pattern], "lr": lr, "weight_decay": 0.0, "epochs": epochs}


def build(*groups: dict[str, object], name: str = "sgd") -> torch.optim.Optimizer:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))  # 0.weight, 0.bias, 1.weight, 1.bias
    return build_optimizer(name, model, groups=groups, lr=0.1, weight_decay=5e-4)


@pytest.mark.parametrize(
    ("groups", "key", "lr"),
    [
        ([], "optimizer.lr", 0.1),
        ([group("*.bias", 7.0)], "optimizer.lr", 0.1),
        ([group("0.*", 7.0), group("1.weight", 3.0)], "optimizer.lr", 0.1),  # the section keeps the last bias
        ([group("*", 7.0)], "optimizer.groups.0.lr", 7.0),
        ([group("0.*", 7.0), group("*", 3.0)], "optimizer.groups.0.lr", 7.0),
        ([group("0.*", 7.0, name="adam"), group("*", 3.0)], "optimizer.groups.0.lr", 7.0),  # two optimizers
        ([group("0.*", 7.0, epochs=1), group("*", 3.0)], "optimizer.groups.1.lr", 3.0),
        ([group("0.*", 7.0, epochs=1), group("*", 3.0, epochs=1)], "optimizer.groups.0.lr", 7.0),
    ],
)
def test_optimizer_lr_is_reported_if_it_trains_anything_and_else_the_first_lasting_groups_lr(
    groups: list[dict[str, object]], key: str, lr: float
) -> None:
    optimizer = build(*groups)
    scheduler = build_schedule("linear", optimizer, epoch_steps=[2, 2])
    assert configured_lr(scheduler)[:2] == (key, lr)
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    steps = 2 if groups and all(each["epochs"] for each in groups) else 4
    assert last_lr(scheduler) == pytest.approx(lr * (1 - 1 / steps)), "the second step of a straight line to 0"


@pytest.mark.parametrize("other", [None, 5, "optimizer.lr\x1b[2J"])
def test_a_loaded_checkpoint_does_not_change_the_reported_key(other: object) -> None:
    optimizer = build(group("0.*", 7.0, name="adam"), group("*", 3.0))
    scheduler = build_schedule("constant", optimizer, epoch_steps=[2])
    saved = deepcopy(optimizer.state_dict())
    for each in saved["param_groups"]:
        each["group_index"] = other
        if other is None:  # as in old checkpoints
            del each["group_index"]
    optimizer.load_state_dict(saved)
    assert configured_lr(scheduler)[:2] == ("optimizer.groups.0.lr", 7.0)


@pytest.mark.parametrize(
    ("lr", "smaller", "larger"),
    [(0.03, "0.003", "0.3"), (1e6, "0.01", "1e+07"), (1e-7, "1e-08", "0.01"), (50.0, "0.01", "500")],
)
def test_the_learning_rate_to_try_is_a_tenth_or_tenfold_unless_the_default_is_further(
    lr: float, smaller: str, larger: str
) -> None:
    configured = ConfiguredLr("optimizer.lr", lr, default=0.01)
    assert (configured.smaller, configured.larger) == (smaller, larger)


def test_the_default_is_that_of_the_reported_groups_own_optimizer(tiny_training: Callable[..., Any]) -> None:
    # As torch and this manual give them: Adam 1e-3, Muon 0.24.
    defaults = {name: configured_lr(tiny_training(optimizer=name).state.scheduler).default for name in ("adam", "muon")}
    assert defaults == {"adam": 1e-3, "muon": 0.24}

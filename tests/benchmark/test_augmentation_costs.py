"""The costs of the augmentations: every entry of the table is measured, and the step is scaled to as many images."""

import itertools
import time

import pytest

from cifar_cli.benchmark import augmentation_costs
from cifar_cli.benchmark.augmentation_costs import Costs, cost_table, measure_costs
from cifar_cli.data.transforms.table import AUGMENTATIONS


def test_every_augmentation_is_measured_and_the_step_is_scaled_to_as_many_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count()
    monkeypatch.setattr(time, "process_time", lambda: next(clock))  # every job takes a second
    monkeypatch.setattr(augmentation_costs, "NETWORK", "model: {name: cnn, widths: [8]}\ntrain: {device: cpu}\n")
    costs = measure_costs(images=8, step_images=2, rounds=2)
    assert costs.augmentations == dict.fromkeys(AUGMENTATIONS, 1)
    assert costs.step == 1 * 8 / 2 + 1  # the gradients for each two images, and one update


def test_the_table_has_milliseconds_and_the_fraction_of_the_step() -> None:
    assert (
        cost_table(Costs({"flip": 0.0021, "translate": 0.5}, step=4.0, precision="fp32"))
        == """\
| augmentation | ms for 500 images | of a step of resnet18 |
| --- | --- | --- |
| `flip: random` | 2.1 | 0.05 % |
| `translate: 2` | 500.0 | 12.50 % |
| the step, fp32 | 4,000 | |"""
    )

"""Measures what each augmentation costs on one CPU thread, beside a training step of resnet18 with as many images.

`python -m cifar_cli.benchmark.augmentation_costs` prints the table of docs/augmentation.md, within a minute. It
measures CPU time, which other programs disturb less than time on the clock, in alternating rounds.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Generator
from torch.nn import functional as F

from cifar_cli import formatting
from cifar_cli.builders.build_model import build_model, memory_format
from cifar_cli.builders.build_training import build_runtime
from cifar_cli.config import load_text
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.batch import Batch
from cifar_cli.data.normalize import to_unit
from cifar_cli.data.transforms.table import AUGMENTATIONS
from cifar_cli.section import call_with_accepted, load_target

IMAGES = 500
STEP_IMAGES = 50  # of the step, which is scaled to IMAGES: a whole one takes many seconds
ROUNDS = 9
NETWORK = "data: {name: cifar10}\nmodel: {name: resnet18}\ntrain: {device: cpu}\n"


@dataclass(frozen=True)
class Costs:
    """Seconds of CPU time: of each augmentation with its example, and of a step, both for IMAGES images."""

    augmentations: Mapping[str, float]
    step: float
    precision: str


def measure_costs(*, images: int = IMAGES, step_images: int = STEP_IMAGES, rounds: int = ROUNDS) -> Costs:
    """Returns the medians over the rounds, each with every augmentation once and a step."""
    experiment = load_text(NETWORK, location="the network")
    runtime = build_runtime(experiment)
    batch = _random_batch(images, shape=experiment.data.image_shape)
    jobs: dict[str, Callable[[], object]] = {
        key: _augmentation(key, batch, num_classes=experiment.data.num_classes, mean=experiment.data.mean)
        for key in AUGMENTATIONS
    }
    model = build_model(experiment).to(memory_format=memory_format(experiment)).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    inputs = to_unit(batch.images[:step_images]).contiguous(memory_format=memory_format(experiment))
    labels = batch.targets[:step_images]

    def compute_gradients() -> None:
        optimizer.zero_grad()
        with runtime.autocast():
            loss = F.cross_entropy(model(inputs), labels)
        loss.backward()

    jobs |= {"gradients": compute_gradients, "update": optimizer.step}
    for job in jobs.values():
        job()  # the first time, memory is allocated and kernels are chosen
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            started = time.process_time()
            job()
            seconds[name].append(time.process_time() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    step = medians.pop("gradients") * images / len(inputs) + medians.pop("update")
    return Costs(medians, step, runtime.precision)


def cost_table(costs: Costs) -> str:
    """Returns the table in Markdown."""
    lines = ["| augmentation | ms for 500 images | of a step of resnet18 |", "| --- | --- | --- |"]
    for key, seconds in costs.augmentations.items():
        example, fraction = (
            to_flow_yaml(AUGMENTATIONS[key].example),
            formatting.percent(seconds / costs.step, decimals=2),
        )
        lines.append(f"| `{key}: {example}` | {1000 * seconds:.1f} | {fraction} |")
    return "\n".join([*lines, f"| the step, {costs.precision} | {1000 * costs.step:,.0f} | |"])


def _random_batch(count: int, *, shape: tuple[int, int, int]) -> Batch:
    generator = Generator().manual_seed(0)
    images = torch.randint(256, (count, *shape), dtype=torch.uint8, generator=generator)
    return Batch(images, torch.arange(count) % 10, torch.arange(count))


def _augmentation(key: str, batch: Batch, **available: object) -> Callable[[], object]:
    entry = AUGMENTATIONS[key]
    if entry.takes_normalized:
        batch = replace(batch, images=to_unit(batch.images))
    augment = call_with_accepted(
        load_target(entry.target), (entry.example,), {"num_images": len(batch), "seed": 0, **available}
    )
    generator = Generator().manual_seed(0)
    return lambda: augment(batch, generator)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(cost_table(measure_costs()))

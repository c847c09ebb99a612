"""Writes the page of the manual about the network that comes along, docs/pretrained.md, from its card.

`python -m cifar_cli.pretrained.page > cifar_cli/docs/pretrained.md` brings the page up to date.
"""

import sys

from cifar_cli import formatting
from cifar_cli.pretrained.card import Card, TrainedSeed, read_card
from cifar_cli.runs.confidence import sample_statistics

HEAD = """\
# The network that comes along

A network that is trained already: what it is, how it was trained, how good it is, and how to use it.

The page is generated from the network's card, which the program that packed the network wrote.
"""
USE = """\
## Using it

```bash
cifar predict photo.jpg                  # where there is no run yet; else with --pretrained
cifar eval --pretrained
cifar explain --pretrained
cifar visualize-layer --all --pretrained
cifar export --to onnx --pretrained
```

Training goes on from it with `--from pretrained`: see [your own pictures](own_pictures.md).
"""
CALIBRATION = """\
## Calibration

A network's probabilities are too high where it has learned its training images by heart, and too low where label
smoothing has kept it from being sure. A *temperature* mends that: the class scores are divided by it before they become
probabilities. It is fitted on images that the training did not see (Guo et al. 2017, arXiv:1706.04599), and changes no
prediction. The *calibration error* is the mean distance between how sure the network is and how often it is right, in
15 bins.

| temperature | calibration error without it | with it | fitted on | measured on |
| --- | --- | --- | --- | --- |
"""


def page(card: Card) -> str:
    """Returns the page as Markdown."""
    return "\n".join([HEAD, *_sections(card)])


def _sections(card: Card) -> list[str]:
    return [_facts(card), _seeds(card), _calibration(card), USE, _configuration(card)]


def _facts(card: Card) -> str:
    rows = {
        "network": f"`{card.name}`, {card.parameters:,} parameters",
        "trained on": f"{card.dataset}, {formatting.count(card.epoch, 'epoch')}, {formatting.count(card.step, 'step')}",
        "test accuracy": f"**{formatting.percent(card.accuracy, decimals=2)}** on {card.test_images:,} images, as it "
        "comes along",
        "file": f"{formatting.binary_bytes(card.file_bytes)}, weights in {card.stored_as}",
        "trained when": card.trained_on,
        "machine": f"{card.processor}, {card.device}, {card.precision}, torch {card.torch}",
    }
    return "| | |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())


def _seeds(card: Card) -> str:
    lines = [_seed_row(seed, is_chosen=seed.seed == card.chosen_seed) for seed in card.seeds]
    text = (
        f"## Trainings ({card.trained_on})\n\nEach with another seed; the best one on the held-out images comes along, "
        "the test images do not choose.\n\n"
        "| seed | validation accuracy | test accuracy | training time |\n| --- | --- | --- | --- |\n"
    ) + "".join(lines)
    tests = [seed.test_accuracy for seed in card.seeds]
    if len(tests) > 1:
        found = sample_statistics(tests)
        mean = formatting.percent_with_uncertainty(found.mean, found.half_width)
        text += f"\nMean of {len(tests)} seeds on the test set, with its 95 % confidence interval: {mean}.\n"
    return text


def _seed_row(seed: TrainedSeed, *, is_chosen: bool) -> str:
    cells = [
        f"{seed.seed}{' (this network)' if is_chosen else ''}",
        _percent(seed.val_accuracy),
        _percent(seed.test_accuracy),
        "–" if seed.train_seconds is None else f"{seed.train_seconds:,.0f} s",
    ]
    return f"| {' | '.join(cells)} |\n"


def _calibration(card: Card) -> str:
    cells = [
        f"{card.temperature:.3f}",
        _percent(card.ece_before),
        _percent(card.ece),
        f"{card.calibration_images:,} validation images",
        f"{card.test_images:,} test images",
    ]
    return (
        f"{CALIBRATION}| {' | '.join(cells)} |\n\n"
        f"`cifar predict` says of a picture that it is unlike the training images if its largest probability is below "
        f"{formatting.percent(card.doubtful_below, decimals=1)}, as that of one in twenty validation images is "
        f"({card.trained_on}). It is a hint, not a promise: a network can be sure of nonsense.\n"
    )


def _configuration(card: Card) -> str:
    return f"## Configuration\n\n```yaml\n{card.config.rstrip()}\n```\n"


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else formatting.percent(fraction, decimals=2)


if __name__ == "__main__":
    packed = read_card()
    if packed is None:
        sys.exit("error: no network comes along; pack one: python -m cifar_cli.export.pack_pretrained RUN [RUN …]")
    print(page(packed).rstrip())

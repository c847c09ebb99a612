"""The page of the augmentations has each key of the table, in the order of application, with a value that is valid."""

import re
from pathlib import Path

import cifar_cli
from cifar_cli.config import load_text
from cifar_cli.data.transforms.table import AUGMENTATIONS

PAGE = (Path(cifar_cli.__file__).parent / "docs" / "augmentation.md").read_text()


def test_the_page_lists_every_augmentation_in_order_with_a_valid_value() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| `([^`]+)` \|$", PAGE, flags=re.MULTILINE)
    assert [key for key, _ in rows] == [*AUGMENTATIONS]
    for key, value in rows:
        text = f"data: {{augment: {{{key}: {value}}}}}\nmodel: {{name: cnn}}\n"
        assert load_text(text, location="a test").data.augment[key] != AUGMENTATIONS[key].off


def test_the_page_has_the_cost_of_every_augmentation_and_each_is_under_a_tenth_of_a_step() -> None:
    rows = re.findall(r"^\| `(\w+): [^`]+` \| ([\d.]+) \| ([\d.]+) % \|$", PAGE, flags=re.MULTILINE)
    assert [key for key, *_ in rows] == [*AUGMENTATIONS]
    (step,) = re.findall(r"^\| the step, \w+ \| ([\d,]+) \| \|$", PAGE, flags=re.MULTILINE)
    for _, milliseconds, percent in rows:
        assert abs(float(milliseconds) / float(step.replace(",", "")) - float(percent) / 100) < 1e-4
        assert float(percent) < 10

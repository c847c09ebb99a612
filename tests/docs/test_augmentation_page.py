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

"""The page of the networks: the file is what the table and the networks give, and the FLOPs are the published ones."""

import re
from pathlib import Path
from typing import ClassVar, Literal

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cifar_cli import formatting
from cifar_cli.inspection.model_zoo import model_zoo
from cifar_cli.models.table import MODELS, ModelKeys
from cifar_cli.section import load_target, table

PAGE = Path(__file__).parents[2] / "cifar_cli" / "docs" / "zoo.md"

# Multiplications in millions, as https://github.com/chenyaofo/pytorch-cifar-models has them for CIFAR-10.
MULTIPLICATIONS = {
    "vgg11_bn": 153.29,
    "vgg13_bn": 228.79,
    "vgg16_bn": 313.73,
    "vgg19_bn": 398.66,
    "mobilenet_v2": 87.98,
    "shufflenet_v2": 45.00,
    "repvgg_a0": 489.08,
}


def row_of(name: str) -> list[str]:
    networks = PAGE.read_text(encoding="utf-8").partition("## Recipes")[0]
    (row,) = re.findall(rf"^\| `{name}` \| .*$", networks, re.MULTILINE)
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written.rstrip() == model_zoo().rstrip(), (
        "run: python -m cifar_cli.inspection.model_zoo > cifar_cli/docs/zoo.md"
    )


def test_it_has_a_row_for_every_network_but_the_list_of_layers_and_the_file() -> None:
    assert len([row_of(name) for name in MODELS if name not in ("sequential", "file")]) == len(MODELS) - 2


@pytest.mark.parametrize(("name", "multiplications"), MULTIPLICATIONS.items())
def test_its_flops_are_twice_the_published_multiplications(name: str, multiplications: float) -> None:
    number, prefix = row_of(name)[4].split()
    assert float(number) * {"M": 1, "G": 1e3}[prefix] == pytest.approx(2 * multiplications, rel=5e-3)  # three digits


@pytest.mark.parametrize("name", ["lenet5", "mobilenet_v2", "cct_7_3x1"])
def test_its_flops_are_those_that_torch_counts(name: str) -> None:
    keys = MODELS[name](name=name)
    with torch.device("meta"):
        model = load_target(keys.target)(image_shape=(3, 32, 32), num_classes=10, **keys.arguments).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(1, 3, 32, 32))
    assert row_of(name)[4] == formatting.si(counter.get_total_flops())


def test_a_network_without_a_docstring_of_its_own_is_missed() -> None:
    class Wordless(ModelKeys):
        name: Literal["mlp"] = "mlp"
        target: ClassVar[str] = "cifar_cli.models.mlp:mlp"

    with pytest.raises(AssertionError, match="mlp"):
        model_zoo(table(Wordless))

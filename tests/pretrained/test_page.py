"""The page about the network that comes along is the one that its card gives, and says what the card says."""

from dataclasses import replace
from pathlib import Path

import pytest

from cifar_cli.pretrained.card import Card, TrainedSeed, read_card
from cifar_cli.pretrained.page import page

PAGE = Path(__file__).parents[2] / "cifar_cli" / "docs" / "pretrained.md"
CARD = Card(
    name="resnet20",
    config="name: resnet20\nseed: 0\n",
    dataset="cifar10",
    parameters=272_474,
    stored_as="half precision",
    file_bytes=560_000,
    seeds=(TrainedSeed(0, 0.93, 0.921, 3600.4), TrainedSeed(1, 0.935, 0.923, None), TrainedSeed(2, None, 0.925, 1.0)),
    chosen_seed=1,
    epoch=60,
    step=23_460,
    test_images=10_000,
    accuracy=0.9229,
    temperature=1.4567,
    doubtful_below=0.432,
    calibration_images=5000,
    ece_before=0.0345,
    ece=0.0081,
    processor="EPYC",
    device="2 CPU threads",
    precision="bf16",
    torch="2.14",
    trained_on="2026-11-28",
)


def test_the_page_of_the_manual_is_up_to_date() -> None:
    card = read_card()
    assert card is not None
    assert PAGE.read_text(encoding="utf-8").rstrip() == page(card).rstrip(), (
        "run: python -m cifar_cli.pretrained.page > cifar_cli/docs/pretrained.md"
    )


@pytest.mark.parametrize(
    "said",
    [
        "| network | `resnet20`, 272,474 parameters |",
        "| test accuracy | **92.29 %** on 10,000 images, as it comes along |",
        "| machine | EPYC, 2 CPU threads, bf16, torch 2.14 |",
        "| 0 | 93.00 % | 92.10 % | 3,600 s |",
        "| 1 (this network) | 93.50 % | 92.30 % | – |",
        # Student's t of 2 degrees, 4.303, times 0.2 % / √3.
        "Mean of 3 seeds on the test set, with its 95 % confidence interval: 92.3 % ± 0.5.",
        "| 1.457 | 3.45 % | 0.81 % | 5,000 validation images | 10,000 test images |",
        "if its largest probability is below 43.2 %, as that of one in twenty",
        "```yaml\nname: resnet20\nseed: 0\n```",
    ],
)
def test_the_page_says_what_the_card_says(said: str) -> None:
    assert said in page(CARD)


def test_one_seed_has_no_interval() -> None:
    assert "confidence interval" not in page(replace(CARD, seeds=CARD.seeds[:1]))

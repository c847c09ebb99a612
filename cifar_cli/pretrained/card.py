"""The card of the network that comes along: what it is, how it was trained, and how good it is. Imports no torch."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cifar_cli.errors import RunError
from cifar_cli.runs.json_files import read_json, write_json

FOLDER = Path(__file__).parent
NAME = "compact"


@dataclass(frozen=True)
class TrainedSeed:
    """One of the trainings. val_accuracy: None without held-out images; accuracies in [0, 1]."""

    seed: int
    val_accuracy: float | None
    test_accuracy: float
    train_seconds: float | None


@dataclass(frozen=True)
class Card:
    """Everything that the manual says of the network; nothing in it is typed by hand.

    seeds: all trainings. chosen_seed: the one that comes along, the best on held-out images, never by the test set.
    accuracy, ece_before, ece: of the weights in the file on the test set, without test-time augmentation; the
    calibration errors are those without and with the temperature. doubtful_below: see `training.calibration`.
    """

    name: str
    config: str  # YAML, without the paths of a machine
    dataset: str
    parameters: int
    stored_as: str
    file_bytes: int
    seeds: tuple[TrainedSeed, ...]
    chosen_seed: int
    epoch: int
    step: int
    test_images: int
    accuracy: float
    temperature: float
    doubtful_below: float
    calibration_images: int
    ece_before: float
    ece: float
    processor: str
    device: str
    precision: str
    torch: str
    trained_on: str  # a day, YYYY-MM-DD


def weights_path(folder: Path | None = None) -> Path:
    """Returns the path of the weights."""
    return (folder or FOLDER) / f"{NAME}.safetensors"


def card_path(folder: Path | None = None) -> Path:
    """Returns the path of the card."""
    return (folder or FOLDER) / f"{NAME}.json"


def write_card(card: Card, folder: Path | None = None) -> None:
    """Writes the card as JSON. Raises RunError."""
    write_json(card_path(folder), asdict(card))


def read_card(folder: Path | None = None) -> Card | None:
    """Returns the card, None in an installation without the network. Raises RunError for a card that is damaged."""
    path = card_path(folder)
    contents: dict[str, Any] = read_json(path)
    if not contents:
        return None
    try:
        seeds = tuple(TrainedSeed(**seed) for seed in contents.pop("seeds"))
        return Card(**contents, seeds=seeds)
    except (KeyError, TypeError, AttributeError) as error:
        wanted = ", ".join(field.name for field in fields(Card))
        raise RunError(
            f"{path}: expected a card with {wanted}, found another: {error}; install the program again"
        ) from error

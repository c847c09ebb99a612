"""Loads the network that comes along, from its weights and its card."""

import json
from pathlib import Path

from cifar_cli import config, formatting
from cifar_cli.builders.build_model import build_model
from cifar_cli.builders.load_model import LoadedModel, NetworkFacts, load_weights
from cifar_cli.errors import CheckpointError, ConfigError
from cifar_cli.pretrained.card import Card, read_card, weights_path
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.safetensors_file import read_safetensors
from cifar_cli.training.calibration import Calibration

MEND = "install the program again, or take a run"


def load_pretrained(*, log_dir: Path, folder: Path | None = None) -> LoadedModel:
    """Returns the network that comes along. log_dir: the folder of the folder for its pictures; folder: of the network.

    Raises CheckpointError if the installation lacks the network or its files are damaged.
    """
    path, card = weights_path(folder), read_card(folder)
    if card is None or not path.is_file():
        raise CheckpointError(f"{path}: expected the network that comes along, found no such file; {MEND}")
    weights, words = read_safetensors(path)
    try:
        experiment = config.load_text(card.config, location=f"{path} (configuration)")
        facts = _facts(words, card)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: expected a network with its facts, found others: {error}; {MEND}") from error
    model = build_model(experiment)
    load_weights(model, {"model": weights}, path=path)
    return LoadedModel(
        experiment=experiment,
        model=model,
        run=RunFolder(log_dir / f"pretrained-{card.name}"),
        source=f"the network that comes along ({card.name}, {formatting.percent(card.accuracy, decimals=2)} on "
        f"{card.dataset}'s test set)",
        checkpoint=path,
        epoch=card.epoch,
        step=card.step,
        facts=facts,
    )


def _facts(words: dict[str, str], card: Card) -> NetworkFacts:
    mean, std, class_names = (tuple(json.loads(words[key])) for key in ("mean", "std", "class_names"))
    calibration = Calibration(card.temperature, card.doubtful_below, card.calibration_images)
    return NetworkFacts(mean, std, class_names, calibration)

"""The results of recipes, the configurations of networks from papers, taken from run folders and never typed.

`python -m cifar_cli.inspection.recipe_results RUN [RUN …]` adds finished runs to recipe_results.json, from which
model_zoo.py writes the page of the networks.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.config.config_files import builtins
from cifar_cli.errors import CifarError, RunError
from cifar_cli.models.table import MODELS
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.run_folder import RunFolder, find_run

RESULTS = Path(__file__).with_name("recipe_results.json")


@dataclass(frozen=True)
class RecipeResult:
    """One run of a recipe. Accuracies in [0, 1]; plain_accuracy: without test-time augmentation.

    val_accuracy: of the tested epoch, on the held-out images by which it was chosen. measured: a day, YYYY-MM-DD.
    """

    seed: int
    val_accuracy: float
    test_accuracy: float
    plain_accuracy: float
    train_seconds: float
    wall_seconds: float
    processor: str
    device: str
    precision: str
    torch: str
    measured: str


def recipes() -> list[str]:
    """Returns the built-in configurations that are named after a network from a paper."""
    named = {name: name.rpartition("/")[2] for name in builtins()}
    return sorted(name for name, network in named.items() if network in MODELS and MODELS[network].paper)


def read_results(path: Path = RESULTS) -> dict[str, list[RecipeResult]]:
    """Returns the results by the name of the recipe, in the order of the seeds."""
    return {name: [RecipeResult(**result) for result in results] for name, results in read_json(path).items()}


def add_run(run: RunFolder, path: Path = RESULTS) -> None:
    """Adds a run's result; it takes the place of one with the same seed. Raises RunError for a run that is no recipe's.

    A run counts if it was trained to its end on CIFAR-10, and has exactly the configuration of a built-in recipe.
    """
    recipe = _recipe_of(run)
    results = {result.seed: result for result in read_results(path).get(recipe, [])}
    result = _result(run)
    results[result.seed] = result
    in_order = [asdict(results[seed]) for seed in sorted(results)]
    write_json(path, {**read_json(path), recipe: in_order})


def _recipe_of(run: RunFolder) -> str:
    trained = _what_counts(config.load(run.config))
    for recipe in recipes():
        if _what_counts(config.load(recipe)) == trained:
            return recipe
    raise RunError(f"{run.path}: expected the configuration of a recipe ({', '.join(recipes())}), found another")


def _what_counts(experiment: config.Experiment) -> Mapping[str, Any]:
    """Returns the keys that can change a result: not the seed, where the images lie, and what is written down."""
    keys = experiment.model_dump()
    data = {key: value for key, value in keys["data"].items() if key not in ("root", "mirrors")}
    return {**{key: value for key, value in keys.items() if key not in ("name", "seed", "log")}, "data": data}


def _result(run: RunFolder) -> RecipeResult:
    summary, environment = read_json(run.summary), read_json(run.environment)
    if summary.get("status") != "completed" or summary["dataset"] != "cifar10" or summary["val"] is None:
        raise RunError(f"{run.path}: expected a finished run on cifar10 with held-out images, found another")
    return RecipeResult(
        seed=summary["seed"],
        val_accuracy=summary["val"]["accuracy"],
        test_accuracy=summary["test"]["accuracy"],
        plain_accuracy=summary.get("test_plain", summary["test"])["accuracy"],
        train_seconds=summary["train_seconds"],
        wall_seconds=summary["wall_seconds"],
        processor=environment["processor"],
        device=environment["device"],
        precision=environment["precision"],
        torch=environment["packages"]["torch"],
        measured=environment["started"][:10],
    )


def main(names: Sequence[str]) -> None:
    """Adds the runs of these names, or run folders."""
    for name in names:
        add_run(find_run(name, log_dir=Path("logs")))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CifarError as error:
        sys.exit(f"error: {error}")

"""The results of recipes come from run folders: from finished runs of exactly a built-in configuration."""

import json
from pathlib import Path
from typing import Any

import pytest

from cifar_cli import config
from cifar_cli.errors import RunError
from cifar_cli.inspection import recipe_results
from cifar_cli.inspection.model_zoo import _recipe_row
from cifar_cli.inspection.recipe_results import add_run, read_results, recipes
from cifar_cli.runs.run_folder import RunFolder

ENVIRONMENT = {
    "processor": "Xeon",
    "device": "2 CPU threads",
    "packages": {"torch": "2.14"},
    "precision": "bf16",
    "started": "2026-11-28T14:20:02+00:00",
}
SUMMARY = {
    "status": "completed",
    "dataset": "cifar10",
    "val": {"accuracy": 0.96},
    "test": {"accuracy": 0.955},
    "train_seconds": 100.0,
    "wall_seconds": 110.0,
}


def write_run(folder: Path, *overrides: str, seed: int = 0, **changes: Any) -> RunFolder:
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.config.write_text(config.dump(config.load("gpu/resnet18", [f"seed={seed}", *overrides])))
    run.summary.write_text(json.dumps({**SUMMARY, "seed": seed, **changes}))
    run.environment.write_text(json.dumps(ENVIRONMENT))
    return run


def test_recipes_are_named_after_networks_from_papers() -> None:
    assert {"gpu/resnet18", "gpu/vgg16_bn", "gpu/cct_7_3x1"} <= set(recipes())
    assert not {"mlp", "cnn", "sequential", "speedrun94"} & set(recipes())


def test_runs_are_added_by_their_seed_and_a_later_one_takes_the_place_of_an_earlier(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    add_run(write_run(tmp_path / "a", seed=1), path)
    add_run(write_run(tmp_path / "b", "data.root=elsewhere", "log.statistics_every=0", "name=mine"), path)
    tta = {"test": {"accuracy": 0.958}, "test_plain": {"accuracy": 0.956}}
    add_run(write_run(tmp_path / "c", seed=1, **tta), path)
    (found,) = read_results(path).values()
    assert [(result.seed, result.test_accuracy, result.plain_accuracy) for result in found] == [
        (0, 0.955, 0.955),
        (1, 0.958, 0.956),
    ]
    # Means of 95.50 and 95.80, and of 95.50 and 95.60.
    assert _recipe_row("gpu/resnet18", found) == (
        "| `gpu/resnet18` | `resnet18` | 95.65 % | 95.50 %, 95.80 % | 95.55 % | 100 s "
        "| Xeon, 2 CPU threads, bf16; 2026-11-28 |"
    )


@pytest.mark.parametrize(
    ("overrides", "changes", "message"),
    [
        (["train.epochs=41"], {}, "expected the configuration of a recipe"),
        ([], {"status": "interrupted"}, "expected a finished run on cifar10"),
        ([], {"dataset": "synthetic"}, "expected a finished run on cifar10"),
    ],
)
def test_another_run_is_refused_and_nothing_is_written(
    overrides: list[str], changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=message):
        add_run(write_run(tmp_path / "run", *overrides, **changes), tmp_path / "results.json")
    assert not (tmp_path / "results.json").exists()


def test_a_recipe_without_a_result_is_marked_as_not_measured() -> None:
    assert _recipe_row("gpu/resnet18", []) == "| `gpu/resnet18` | `resnet18` | not measured | | | | |"
    assert set(read_results(recipe_results.RESULTS)) <= set(recipes())

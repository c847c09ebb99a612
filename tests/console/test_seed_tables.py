"""The table at the end of a training with several seeds."""

import pytest

from cifar_cli.console.seed_tables import print_group_results


@pytest.mark.parametrize("stops", [False, True], ids=["of one length", "that may stop early"])
def test_a_seed_without_figures_leaves_no_other_column_in_their_place(
    capsys: pytest.CaptureFixture[str], stops: bool
) -> None:
    run = {"status": "completed", "test": {"accuracy": 0.9401}, "train_seconds": 43.2, "wall_seconds": 44.0}
    length = {"epochs": 7, "stopped_early": True} if stops else {}
    statistics = {"mean": 0.9401, "n": 1, "standard_deviation": None, "confidence_95": None}
    print_group_results(
        {
            "name": "demo",
            "dataset": "synthetic",
            "seeds": [0, 1],
            "runs": [
                {"seed": 0, "run": "demo-seed0", **run, **length},
                {"seed": 1, "run": "demo-seed1", "status": "failed"},
            ],
            "test": statistics,
            "mean_train_seconds": 43.2,
            "mean_wall_seconds": 44.0,
            "wall_seconds": 90.0,
        }
    )
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert ["0", "94.01 %", *(["7"] if stops else []), "43.2 s", "44.0 s", "demo-seed0"] in rows
    assert ["1", "failed", *(["–"] if stops else []), "–", "–", "demo-seed1"] in rows


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, "on average 1.58 s of training and 4.10 s in all for a seed"),
        (
            {"mean_compile_seconds": 0.918},
            "on average 1.58 s of training, 0.92 s of compiling and 4.10 s in all for a seed",
        ),
        (
            {"mean_warm_up_seconds": 0.5},
            "on average 1.58 s of training (0.50 s of it the first step) and 4.10 s in all for a seed",
        ),
    ],
    ids=["neither", "compiling", "first step"],
)
def test_the_mean_times_name_compiling_beside_training_or_the_first_step_in_it(
    capsys: pytest.CaptureFixture[str], times: dict[str, float], expected: str
) -> None:
    statistics = {"mean": 0.9401, "n": 1, "standard_deviation": None, "confidence_95": None}
    print_group_results(
        {"name": "demo", "dataset": "synthetic", "seeds": [0], "runs": [], "test": statistics}
        | {"mean_train_seconds": 1.583, "mean_wall_seconds": 4.1, "wall_seconds": 112.3, **times}
    )
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{expected}; 112.3 s for the whole command, images opened once"

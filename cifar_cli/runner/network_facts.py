"""Finds what turns a picture into a network's input and its scores into calibrated probabilities of named classes."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cifar_cli import formatting
from cifar_cli.builders.build_training import build_runtime
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import LoadedModel, NetworkFacts
from cifar_cli.builders.run_evaluation import run_evaluation
from cifar_cli.console.streams import note, warn, warning_instead_of_failure
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.errors import DataError, RunError
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.training.calibration import COLDEST, HOTTEST, LEAST_IMAGES, Calibration, calibrate


def network_facts(opened: LoadedModel) -> NetworkFacts:
    """Returns a trained network's facts. Reads the images only for what neither the network nor its run has.

    The calibration on the validation images is kept in the run's folder. Without such images on this machine, it is
    None, and a note says so. Raises DataError if the names of the classes are known nowhere.
    """
    if opened.facts is not None:
        return opened.facts
    facts, calibration = _recorded_facts(opened.run.environment), _kept_calibration(opened)
    if facts is not None and calibration is not None:
        return replace(facts, calibration=calibration)
    try:
        _, splits = load_data(opened.experiment, environment=opened.run.environment, download=False)
    except DataError as error:
        if facts is None:
            raise
        note(f"the probabilities are not calibrated, since its images are not here: {str(error).splitlines()[0]}")
        return facts
    mean, std = tuple(splits.mean), tuple(splits.std)
    return NetworkFacts(mean, std, splits.test.class_names, _calibration(opened, splits))


def _recorded_facts(environment: Path) -> NetworkFacts | None:
    """Returns the facts in a run's env.json, None if it lacks one of them, as it did in old runs."""
    try:
        recorded = read_json(environment)
        mean, std = (tuple(float(value) for value in recorded[key]) for key in ("mean", "std"))
        return NetworkFacts(mean, std, tuple(str(name) for name in recorded["class_names"]))
    except RunError as error:
        warn(f"{error}\nlooking at the images instead")
    except (KeyError, TypeError, ValueError):
        pass
    return None


def _path(opened: LoadedModel) -> Path:
    return opened.run.path / "calibration.json"


def _weights_of(opened: LoadedModel) -> dict[str, Any]:
    assert opened.checkpoint is not None
    return {"checkpoint": opened.checkpoint.name, "step": opened.step}


def _kept_calibration(opened: LoadedModel) -> Calibration | None:
    """Returns the calibration of these weights in the run's folder, None if there is none that can be right."""
    try:
        kept = read_json(_path(opened))
        if {key: kept.get(key) for key in ("checkpoint", "step")} == _weights_of(opened):
            found = Calibration(float(kept["temperature"]), float(kept["doubtful_below"]), int(kept["images"]))
            is_possible = COLDEST <= found.temperature <= HOTTEST and 0 <= found.doubtful_below <= 1
            return found if is_possible and found.images >= LEAST_IMAGES else None
    except (RunError, KeyError, TypeError, ValueError, OverflowError):  # measured anew, and written over
        pass
    return None


def _calibration(opened: LoadedModel, splits: Splits) -> Calibration | None:
    if splits.val is None:
        note("the probabilities are not calibrated: its training held out no images (data.val_size)")
        return None
    if len(splits.val) < LEAST_IMAGES:
        held_out = formatting.count(len(splits.val), "image")
        note(
            f"the probabilities are not calibrated: its training held out {held_out}, and {LEAST_IMAGES} are needed "
            f"(data.val_size)"
        )
        return None
    note(f"calibrating on the {len(splits.val):,} validation images, once for these weights")
    experiment, runtime = opened.experiment, build_runtime(opened.experiment)
    model = opened.model.to(runtime.device)
    measured = run_evaluation(experiment, model, splits.val, splits=splits, runtime=runtime, without_tta=True)
    found = calibrate(measured.logits, splits.val.labels)
    if opened.run.config.is_file():  # a checkpoint alone has no folder of its own
        with warning_instead_of_failure(hint="it will be measured again the next time"):
            write_json(_path(opened), {**_weights_of(opened), **asdict(found)})
    return found

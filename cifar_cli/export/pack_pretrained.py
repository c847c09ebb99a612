"""Packs a finished training as the network that comes along: its weights in half precision, and its card.

`python -m cifar_cli.export.pack_pretrained RUN [RUN …]` takes all seeds of one configuration. The best on the held-out
images is packed; every figure of the card comes from the runs' records or is measured here.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cifar_cli.builders.build_training import build_runtime, with_fast_kernels
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import LoadedModel, load_model
from cifar_cli.builders.run_evaluation import run_evaluation
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import CifarError, UsageError
from cifar_cli.export.exported_network import ExportedNetwork, to_export
from cifar_cli.pretrained.card import NAME, Card, TrainedSeed, weights_path, write_card
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import RunFolder, find_run
from cifar_cli.runs.safetensors_file import write_safetensors
from cifar_cli.training.calibration import calibrate, expected_calibration_error, probabilities_at


def pack(runs: Sequence[str], *, folder: Path | None = None, log_dir: Path = Path("logs")) -> Card:
    """Writes the weights and the card of the best of the runs, and returns the card. folder: by default the package's.

    Raises UsageError for runs that are not complete or of several configurations, or held out no images.
    """
    folders = [find_run(run, log_dir=log_dir) for run in runs]
    seeds = [_trained_seed(run) for run in folders]
    best = max(range(len(seeds)), key=lambda index: seeds[index].val_accuracy or 0.0)
    opened = load_model(str(folders[best].path), log_dir=log_dir)
    _check_same_configuration(folders, opened)
    _, splits = load_data(opened.experiment, environment=opened.run.environment)
    if splits.val is None:
        raise UsageError(f"{opened.run.path}: expected held-out images to calibrate on, found data.val_size 0")
    _round_to_half(opened.model)
    exported = to_export(opened, splits)
    path = weights_path(folder)
    write_safetensors(path, _halves(opened), metadata=exported.metadata)
    card = _card(opened, splits, splits.val, seeds=seeds, chosen=best, exported=exported, path=path)
    write_card(card, folder)
    return card


def _trained_seed(run: RunFolder) -> TrainedSeed:
    summary = read_json(run.summary)
    if summary.get("status") != "completed":
        raise UsageError(f"{run.path}: expected a complete run, found status {summary.get('status')}; train it first")
    plain = summary.get("test_plain") or summary["test"]  # without test-time augmentation
    val = summary.get("val") or {}
    return TrainedSeed(summary["seed"], val.get("accuracy"), plain["accuracy"], summary["train_seconds"])


def _check_same_configuration(folders: Sequence[RunFolder], opened: LoadedModel) -> None:
    for other in folders:
        experiment = load_model(str(other.path), log_dir=other.path.parent).experiment
        if experiment.model_copy(update={"seed": opened.experiment.seed}) != opened.experiment:
            raise UsageError(
                f"{other.path}: expected the configuration of {opened.run.path}, found another; take its seeds"
            )


def _round_to_half(model: torch.nn.Module) -> None:
    """Rounds the weights to half precision, which they are stored in: what is measured is what comes along."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())


def _halves(opened: LoadedModel) -> dict[str, torch.Tensor]:
    state = opened.model.state_dict()
    return {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def _card(
    opened: LoadedModel,
    splits: Splits,
    val: ImageSet,
    *,
    seeds: Sequence[TrainedSeed],
    chosen: int,
    exported: ExportedNetwork,
    path: Path,
) -> Card:
    experiment, runtime = opened.experiment, build_runtime(opened.experiment)
    model = with_fast_kernels(opened.model.to(runtime.device), experiment, runtime)
    on_val, on_test = (
        run_evaluation(experiment, model, images, splits=splits, runtime=runtime, without_tta=True)
        for images in (val, splits.test)
    )
    found, labels = calibrate(on_val.logits, val.labels), splits.test.labels
    environment: dict[str, Any] = read_json(opened.run.environment)
    return Card(
        name=NAME,
        config=exported.metadata["config"],
        dataset=experiment.data.name,
        parameters=sum(parameter.numel() for parameter in opened.model.parameters()),
        stored_as="half precision",
        file_bytes=path.stat().st_size,
        seeds=tuple(seeds),
        chosen_seed=seeds[chosen].seed,
        epoch=opened.epoch,
        step=opened.step,
        test_images=on_test.images,
        accuracy=on_test.accuracy,
        temperature=found.temperature,
        doubtful_below=found.doubtful_below,
        calibration_images=found.images,
        ece_before=expected_calibration_error(probabilities_at(1.0, on_test.logits), labels),
        ece=expected_calibration_error(probabilities_at(found.temperature, on_test.logits), labels),
        processor=environment["processor"],
        device=environment["device"],
        precision=environment["precision"],
        torch=environment["packages"]["torch"],
        trained_on=opened.run.started.strftime("%Y-%m-%d"),
    )


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("usage: python -m cifar_cli.export.pack_pretrained RUN [RUN …]")
    try:
        packed = pack(sys.argv[1:])
    except CifarError as mistake:
        sys.exit(f"error: {mistake}")
    print(f"wrote {weights_path()}, {packed.file_bytes:,} bytes, test accuracy {packed.accuracy:.4f}, and its card")
    print("next: python -m cifar_cli.pretrained.page > cifar_cli/docs/pretrained.md")

"""`cifar eval`: what a network makes of a split of its data, as tables, a picture, or JSON."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cifar_cli.builders.build_training import build_runtime, initialize, with_fast_convolutions
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import LoadedModel, first_layer, load_model, resolve_source
from cifar_cli.builders.run_evaluation import run_evaluation
from cifar_cli.config import Experiment
from cifar_cli.console.result_tables import MAX_CLASSES_IN_TERMINAL, class_table, confusion_table
from cifar_cli.console.streams import note, print_next_step, results
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.figures.confusion_matrix import draw_confusion
from cifar_cli.figures.save_png import save_png
from cifar_cli.training.classification_metrics import classification_metrics
from cifar_cli.training.evaluation import Evaluation

SPLITS = ("test", "val", "train")


def evaluate(
    run: str | None,
    *,
    source: str | None,
    overrides: Sequence[str],
    split: str,
    weights: str | None,
    batch_size: int,
    as_json: bool,
    log_dir: Path,
) -> None:
    """Measures the network of a run, a checkpoint or a configuration and tells which it was, on which split.

    Of a run or a checkpoint, the overrides change how it is looked at: evaluation.*, and what computes it.
    """
    if split not in SPLITS:
        raise UsageError(f"--split: expected one of {', '.join(SPLITS)}, found '{split}'{did_you_mean(split, SPLITS)}")
    opened = load_model(run, source=source, overrides=overrides, weights=weights, log_dir=log_dir)
    experiment, splits = load_data(opened.experiment)
    images = _choose_split(splits, split)
    runtime = build_runtime(experiment)
    model = opened.model.to(runtime.device)
    if opened.checkpoint is None:
        initialize(model, experiment, splits, runtime)
    subject = f"{split} split of {experiment.data.name}, {len(images):,} images"
    note(f"{opened.source}: {experiment.model.name} on the {subject}")
    model = with_fast_convolutions(model, experiment, runtime)  # as it was tested at its training's end
    measured = run_evaluation(experiment, model, images, splits=splits, runtime=runtime, batch_size=batch_size)
    picture = save_png(
        draw_confusion(
            measured.confusion,
            class_names=images.class_names,
            title=f"{opened.source}: {split} split",
        ),
        opened.run.images / f"confusion-{split}.png",
    )
    if as_json:
        print(json.dumps(_as_dict(opened, experiment, images, measured, split=split)))
    else:
        _print(images, measured, tta=experiment.evaluation.tta)
    named = resolve_source(opened, source=source, overrides=overrides, weights=weights)
    words = ["cifar", "visualize-layer", first_layer(opened.model), *named]
    print_next_step(wrote=[str(picture)], next_command=shlex.join(words))


def _choose_split(splits: Splits, split: str) -> ImageSet:
    images = {"train": splits.train, "val": splits.val, "test": splits.test}[split]
    if images is None:
        raise UsageError("--split val: expected held-out images, found data.val_size 0; write --split test")
    return images


def _print(images: ImageSet, measured: Evaluation, *, tta: str) -> None:
    console = results()
    how = f"   with evaluation.tta {tta}" if measured.plain else ""
    console.print(f"accuracy {measured.accuracy:.2%}   loss {measured.loss:.4f}{how}", style="bold")
    if measured.plain:
        console.print(f"accuracy {measured.plain.accuracy:.2%}   loss {measured.plain.loss:.4f}   each image as it is")
    console.print(class_table(images.class_names, classification_metrics(measured.confusion)))
    if len(images.class_names) <= MAX_CLASSES_IN_TERMINAL:
        console.print(confusion_table(images.class_names, measured.confusion))
    else:
        note(f"a confusion matrix of {len(images.class_names)} classes is too wide for a terminal; the picture has it")


def _as_dict(
    opened: LoadedModel, experiment: Experiment, images: ImageSet, measured: Evaluation, *, split: str
) -> dict[str, Any]:
    scores, dataset, plain = classification_metrics(measured.confusion), experiment.data.name, measured.plain
    return {
        "network": opened.source,
        "run": str(opened.run.path),
        "checkpoint": str(opened.checkpoint) if opened.checkpoint else None,
        "epoch": opened.epoch,
        "dataset": dataset,
        "synthetic": dataset == "synthetic",
        "split": split,
        "images": measured.images,
        "loss": measured.loss,
        "accuracy": measured.accuracy,
        "tta": experiment.evaluation.tta,
        **({"plain": {"loss": plain.loss, "accuracy": plain.accuracy}} if plain else {}),
        "per_class": [
            {"class": name, "accuracy": score.recall, **asdict(score)}
            for name, score in zip(images.class_names, scores, strict=True)
        ],
        "confusion": measured.confusion.tolist(),
    }

"""`cifar eval`: what a network makes of a split of its data, as tables, a picture, or JSON."""

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    AsJson,
    Config,
    LogDir,
    Weights,
    choose_model,
)
from cifar_cli.config.keys import EVALUATION_KEYS
from cifar_cli.console.completion import complete_eval_words
from cifar_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from cifar_cli.runner.evaluate_model import ModelEvaluation

SPLITS = ("test", "val", "train")


def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN|key=value",
            help="A run folder, its name under logs/, or a checkpoint file; without it, the newest run.",
            autocompletion=complete_eval_words,
        ),
    ] = None,
    config: Config = None,
    split: Annotated[
        str,
        typer.Option(metavar="test|val|train", help="Which images to measure on.", autocompletion=lambda: list(SPLITS)),
    ] = "test",
    weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time; changes speed and memory only.")] = 500,
    as_json: AsJson = False,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Measure a trained network: accuracy, loss, per-class scores, confusion matrix."""
    if split not in SPLITS:
        raise UsageError(f"--split: expected one of {', '.join(SPLITS)}, found '{split}'{did_you_mean(split, SPLITS)}")
    choice = choose_model(
        words, config=config, weights=weights, log_dir=log_dir, changeable=EVALUATION_KEYS, is_run_needed=True
    )
    from cifar_cli.builders.load_model import first_layer
    from cifar_cli.console.result_tables import print_evaluation
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.figures.confusion_matrix import draw_confusion
    from cifar_cli.figures.save_png import save_png
    from cifar_cli.runner.evaluate_model import evaluate_model

    opened = choice.load()
    found = evaluate_model(opened, split=split, batch_size=batch_size)
    names, title = found.images.class_names, f"{opened.source}: {split} split"
    picture = save_png(
        draw_confusion(found.measured.confusion, class_names=names, title=title),
        opened.run.images / f"confusion-{split}.png",
    )
    if as_json:
        print(json.dumps(_as_dict(found)))
    else:
        print_evaluation(found.measured, class_names=names, tta=found.experiment.evaluation.tta)
    words = ["cifar", "visualize-layer", first_layer(opened.model), *choice.words_for(opened)]
    print_next_step(wrote=[str(picture)], next_command=shlex.join(words))


def _as_dict(found: "ModelEvaluation") -> dict[str, Any]:
    from cifar_cli.training.classification_metrics import classification_metrics

    opened, dataset, measured = found.opened, found.experiment.data.name, found.measured
    scores, plain = classification_metrics(measured.confusion), measured.without_tta
    return {
        "network": opened.source,
        "run": str(opened.run.path),
        "checkpoint": str(opened.checkpoint) if opened.checkpoint else None,
        "epoch": opened.epoch,
        "dataset": dataset,
        "synthetic": dataset == "synthetic",
        "split": found.split,
        "images": measured.images,
        "loss": measured.loss,
        "accuracy": measured.accuracy,
        "tta": found.experiment.evaluation.tta,
        **({"plain": {"loss": plain.loss, "accuracy": plain.accuracy}} if plain else {}),
        "per_class": [
            {"class": name, "accuracy": score.recall, **asdict(score)}
            for name, score in zip(found.images.class_names, scores, strict=True)
        ],
        "confusion": measured.confusion.tolist(),
    }

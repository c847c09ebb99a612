"""`cifar eval`: the accuracy of a network on a split of its data, as tables and a picture, or as JSON."""

import json
from typing import Annotated

import typer

from cifar_cli.commands.model_choice import choose_model, read_trust
from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    AsJson,
    Config,
    LogDir,
    OwnModel,
    Pretrained,
    TrustModel,
    Weights,
    number,
    one_of,
)
from cifar_cli.config.keys import EVALUATION_KEYS
from cifar_cli.console.completion import complete_eval_words
from cifar_cli.heavy_imports import heavy_imports
from cifar_cli.shell import shell_command


def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN|key=value",
            help="A run folder, its name under logs/, or a checkpoint file; by default, the newest run.",
            autocompletion=complete_eval_words,
        ),
    ] = None,
    config: Config = None,
    split: Annotated[str, one_of("test", "val", "train", help="The images to measure on.")] = "test",
    weights: Weights = None,
    pretrained: Pretrained = False,
    batch_size: Annotated[
        int, number("--batch-size", int, low=1, help="Images at a time; affects only speed and memory.")
    ] = 500,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    as_json: AsJson = False,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Measure a trained network: accuracy, loss, per-class scores, confusion matrix."""
    choice = choose_model(
        words,
        config=config,
        weights=weights,
        log_dir=log_dir,
        changeable=EVALUATION_KEYS,
        is_run_needed=True,
        pretrained=pretrained,
        trust_in=read_trust(model, trust_model),
    )
    with heavy_imports():
        from cifar_cli.analysis.capture import first_layer
        from cifar_cli.console.result_tables import print_evaluation
        from cifar_cli.console.streams import print_next_step, warning_instead_of_failure
        from cifar_cli.figures.confusion_matrix import draw_confusion
        from cifar_cli.figures.save_png import save_png
        from cifar_cli.runner.evaluate_model import evaluate_model

    opened = choice.load()
    evaluation = evaluate_model(opened, split=split, batch_size=batch_size)
    measured, class_names = evaluation.measured, evaluation.images.class_names
    if as_json:
        print(json.dumps(evaluation.as_dict()))
    else:
        print_evaluation(
            measured,
            class_names=class_names,
            tta=evaluation.experiment.evaluation.tta,
            conditions=evaluation.conditions,
        )
    wrote = []
    with warning_instead_of_failure(hint="the picture of the confusion matrix is left out"):
        figure = draw_confusion(measured.confusion, class_names=class_names, title=f"{opened.source}: {split} split")
        wrote.append(str(save_png(figure, opened.run.images / f"confusion-{split}.png")))
    command = shell_command("cifar", "visualize-layer", first_layer(opened.model) or "--all", *choice.words_for(opened))
    print_next_step(wrote=wrote, next_command=command)

"""`cifar predict`: what a network says of a person's own pictures, as bars, JSON, CSV and pictures."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cifar_cli import formatting
from cifar_cli.builders.trust_model import NO_TRUST
from cifar_cli.commands.model_choice import choose_model, read_trust
from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    AsJson,
    LogDir,
    OwnModel,
    Pretrained,
    TrustModel,
    Weights,
    is_override,
    number,
)
from cifar_cli.config.keys import MACHINE_KEYS
from cifar_cli.console.completion import complete_pictures, complete_run_option
from cifar_cli.errors import CifarError, DataError, UsageError
from cifar_cli.runs.run_folder import newest_run
from cifar_cli.shell import shell_command

if TYPE_CHECKING:
    from cifar_cli.builders.load_model import LoadedModel
    from cifar_cli.prediction.predict_pictures import Predictions


def predict(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE|FOLDER",
            help="Pictures of any size and format, folders of them, or - for standard input.",
            autocompletion=complete_pictures,
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="The network; by default, the newest run's, or where there is none, the one that comes along.",
            autocompletion=complete_run_option,
        ),
    ] = None,
    weights: Weights = None,
    pretrained: Pretrained = False,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    top: Annotated[int, number("--top", int, low=1, help="How many classes to show of each picture.")] = 5,
    grad_cam: Annotated[
        bool, typer.Option("--grad-cam", help="Also draw the regions that count for the class (Grad-CAM).")
    ] = False,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV to stdout, and nothing else there.")] = False,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Say what a trained network sees in your own pictures: the most probable classes, with bars."""
    names = [word for word in words or [] if not is_override(word)]
    if not names:
        raise UsageError("cifar predict: expected pictures or a folder, found none; write for example photo.jpg")
    if as_json and as_csv:
        raise UsageError("expected --json or --csv, found both; leave one of them out")
    overrides = [word for word in words or [] if is_override(word)]
    trust_in = read_trust(model, trust_model)
    choice = choose_model(
        [*([run] if run is not None else []), *overrides],
        config=None,
        weights=weights,
        log_dir=log_dir,
        changeable=MACHINE_KEYS,
        is_run_needed=True,
        trust_in=trust_in,
        pretrained=pretrained or (run is None and trust_in == NO_TRUST and newest_run(log_dir) is None),
    )
    from cifar_cli.console.decode_bar import decode_bar
    from cifar_cli.console.streams import note, print_next_step, warn
    from cifar_cli.prediction.find_pictures import find_pictures, is_folder
    from cifar_cli.prediction.predict_pictures import predict_pictures
    from cifar_cli.prediction.prediction_records import as_csv as csv_of
    from cifar_cli.prediction.prediction_records import as_json as json_of
    from cifar_cli.runner.network_facts import network_facts

    with find_pictures(names) as files:
        opened = choice.load()
        facts = network_facts(opened)
        note(f"this is {opened.source}")
        with decode_bar() as on_decoded:
            predictions = predict_pictures(opened, files, facts, on_decoded=on_decoded)
    if opened.experiment.data.is_synthetic:
        warn("it was trained on SYNTHETIC images, drawn by this program: of photos it knows nothing")
    if as_json:
        print(json.dumps(json_of(predictions, opened, top=top), ensure_ascii=False))
    elif as_csv:
        print(csv_of(predictions, top=top), end="")
    elif predictions.pictures:
        _print(predictions, opened, top=top)
    wrote = _draw(predictions, opened, names, grad_cam=grad_cam, is_sheet_wanted=any(map(is_folder, names)))
    error = _report_unreadable(predictions)
    if predictions.pictures:
        is_default = run is None and weights is None and trust_in == NO_TRUST and log_dir == DEFAULT_LOG_DIR
        named = [] if is_default and not choice.is_pretrained else choice.words_for(opened)
        print_next_step(wrote=wrote, next_command=_next_command(names, named, has_grad_cam=grad_cam))
    if error:
        raise error


def _next_command(names: Sequence[str], named: Sequence[str], *, has_grad_cam: bool) -> str:
    """Returns the next command worth trying. named: the words that name the network, none for the default."""
    if has_grad_cam or "-" in names:  # what comes through a pipe can be read once
        return shell_command("cifar", "explain", *named)
    option = ["--run"] if named and named[0] != "--pretrained" else []
    return shell_command("cifar", "predict", *names, *option, *named, "--grad-cam")


def _print(predictions: "Predictions", opened: "LoadedModel", *, top: int) -> None:
    from cifar_cli.console.prediction_tables import ShownPrediction, print_predictions
    from cifar_cli.console.streams import note

    names, calibration = predictions.facts.class_names, predictions.facts.calibration
    side = opened.experiment.data.image_shape[-1]
    note(f"the network gets the middle square of each picture, resized to {side}×{side} pixels")
    limit = formatting.percent(calibration.doubtful_below, decimals=1) if calibration else ""
    doubt = f"its largest probability is below {limit}, as of one in twenty validation images (a hint, not a promise)"
    shown = [
        ShownPrediction(
            picture.file.name,
            [(names[index], probability) for index, probability in picture.top(top)],
            picture.pixels,
            is_doubtful=bool(picture.is_doubtful),
        )
        for picture in predictions.pictures
    ]
    print_predictions(shown, doubt=doubt)


def _draw(
    predictions: "Predictions", opened: "LoadedModel", names: Sequence[str], *, grad_cam: bool, is_sheet_wanted: bool
) -> list[str]:
    """Draws the pictures of pictures, and returns their paths."""
    from cifar_cli.console.streams import warning_instead_of_failure
    from cifar_cli.figures.mosaic import save_picture
    from cifar_cli.figures.save_png import save_png
    from cifar_cli.prediction.prediction_pictures import draw_contact_sheet, draw_where_it_looked, file_stem

    stem, wrote = opened.run.images / file_stem(names), []
    if not predictions.pictures:
        return []
    if is_sheet_wanted:
        with warning_instead_of_failure(hint="the contact sheet is left out"):
            path = stem.with_name(f"{stem.name}.png")
            save_picture(draw_contact_sheet(predictions, opened), path)
            wrote.append(str(path))
    if grad_cam:
        figure = draw_where_it_looked(predictions, opened)
        wrote.append(str(save_png(figure, stem.with_name(f"{stem.name}-grad-cam.png"))))
    return wrote


def _report_unreadable(predictions: "Predictions") -> CifarError | None:
    """Warns of files that could not be read; returns an error if the command line names one, or no other is left."""
    from cifar_cli.console.streams import warn

    if not predictions.unreadable:
        return None
    found = "".join(f"\n  {file.name} {reason}" for file, reason in predictions.unreadable)
    count = formatting.count(len(predictions.unreadable), "file")
    if predictions.pictures and not any(file.is_named for file, _ in predictions.unreadable):
        warn(f"left out {count} that cannot be read as a picture:{found}")
        return None
    return DataError(f"expected pictures, found {count} that cannot be read:{found}")

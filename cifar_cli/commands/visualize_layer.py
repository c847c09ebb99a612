"""`cifar visualize-layer`: a picture of what a layer does to real images, as a PNG and in TensorBoard."""

from typing import Annotated

import typer

from cifar_cli.commands.model_choice import choose_model, read_trust
from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    Config,
    LogDir,
    OwnModel,
    Pretrained,
    TrustModel,
    Weights,
    is_override,
    is_run,
    number,
    one_of,
)
from cifar_cli.console.completion import complete_layer_and_run_words
from cifar_cli.errors import UsageError
from cifar_cli.shell import shell_command


def visualize_layer(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LAYER [RUN|key=value]",
            help="A layer such as conv1 or blocks.0.conv1 (none with --all); then a run, by default the newest.",
            autocompletion=complete_layer_and_run_words,
        ),
    ] = None,
    config: Config = None,
    all_layers: Annotated[bool, typer.Option("--all", help="All layers on one sheet, from pixels to scores.")] = False,
    exciting: Annotated[
        bool, typer.Option("--exciting", help="The test images with the highest activations of each channel.")
    ] = False,
    grad_cam: Annotated[
        bool, typer.Option("--grad-cam", help="The regions that count for the predicted class (Grad-CAM).")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="The layer before and after training, side by side.")
    ] = False,
    over_time: Annotated[bool, typer.Option("--over-time", help="The layer at the epochs of its run.")] = False,
    images: Annotated[int | None, number("--images", int, low=1, high=64, help="How many images to show.")] = None,
    mode: Annotated[str, one_of("tiles", "tutorial", help="A tile per channel, or the tutorials' reshape.")] = "tiles",
    weights: Weights = None,
    pretrained: Pretrained = False,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Draw what a layer does to real images: input, output channel by channel, filters; or another picture."""
    pictures = {
        "--all": all_layers,
        "--exciting": exciting,
        "--grad-cam": grad_cam,
        "--compare": compare,
        "--over-time": over_time,
        "--mode tutorial": mode == "tutorial",
    }
    chosen = [option for option, is_chosen in pictures.items() if is_chosen]
    if len(chosen) > 1:
        raise UsageError(f"expected one picture at a time, found {' and '.join(chosen)}; leave out all but one")
    layer, *rest = words or [""]
    if all_layers:
        layer, rest = "", words or []
        if rest and not is_override(rest[0]) and not is_run(rest[0], log_dir=log_dir):
            raise UsageError(f"--all: expected a run or nothing, found '{rest[0]}'; leave out the LAYER, or --all")
    elif not layer or is_override(layer):
        raise UsageError("expected a LAYER, found none; write for example conv1, or --all for every layer")
    trust_in = read_trust(model, trust_model)
    choice = choose_model(
        rest, config=config, weights=weights, log_dir=log_dir, trust_in=trust_in, pretrained=pretrained
    )
    from cifar_cli.console.streams import print_next_step, results
    from cifar_cli.inspection.layer_pictures import draw_picture

    opened = choice.load()
    picture = chosen[0].removeprefix("--").removeprefix("mode ") if chosen else "layer"
    drawn = draw_picture(opened, layer=layer or None, picture=picture, images=images)
    console = results()
    for fact in drawn.facts:
        console.print(fact, soft_wrap=True)
    command = shell_command("tensorboard", "--logdir", opened.run.path.parent)
    print_next_step(wrote=drawn.save(), next_command=command)

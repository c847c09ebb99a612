"""What can be typed; `cifar config` and `cifar data` are in groups.py.

Knows names, options and help; each command imports its verb when it is called, not before.
"""

import time
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli import __version__
from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.groups import config_app, data_app
from cifar_cli.words import (
    DEFAULT_LOG_DIR,
    OF_THE_MACHINE,
    Config,
    LayerAndRun,
    LogDir,
    RunAndOverrides,
    RunOrConfigAndOverrides,
    TrainWords,
    Weights,
    check_config,
    split_layer_words,
    split_words,
)

app = typer.Typer(
    name="cifar",
    help="From a first convolution to a trustworthy CIFAR-10 result.",
    epilog="Start with: cifar train --config quickstart",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(config_app, name="config")
app.add_typer(data_app, name="data")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"cifar {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error. May stand anywhere.")] = False,
) -> None:
    # __main__ has taken --debug off the command line, so that it may stand behind the command too; here is its help.
    pass


@app.command()
def train(
    words: TrainWords = None,
    config: Config = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted RUN; without a name, with the newest one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and try one batch; write nothing.")] = False,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N|LIST", help="One run for each of N seeds, or of a list such as 0,3,7; and their mean."),
    ] = None,
    log_dir: Annotated[Path | None, typer.Option("--log-dir", help="Where --resume looks for RUN.")] = None,
) -> None:
    """Train a network. All that it makes is under logs/<run>/."""
    started = time.perf_counter()  # torch is imported later, and is part of what the command takes
    run, overrides = split_words(words)
    from cifar_cli.commands import train as command

    if (config is None) != resume:
        mend = f"write cifar train --config {run}" if run and config is None else "names: cifar config list"
        raise UsageError(f"cifar train: expected either --config FILE|NAME or --resume [RUN]; {mend}")
    if config is not None:
        command.start(config, overrides, run=run, dry_run=dry_run, log_dir=log_dir, seeds=seeds, started=started)
    else:
        command.resume(
            run, overrides, dry_run=dry_run, seeds=seeds, log_dir=log_dir or DEFAULT_LOG_DIR, started=started
        )


@app.command("eval")
def evaluate(
    words: RunAndOverrides = None,
    config: Config = None,
    split: Annotated[str, typer.Option(metavar="test|val|train", help="Which images to measure on.")] = "test",
    weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time; changes speed and memory only.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, and nothing else there.")] = False,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Measure a trained network: accuracy, loss, per-class scores, confusion matrix."""
    run, overrides = split_words(words)
    check_config(config, overrides, changeable=("evaluation", *OF_THE_MACHINE))
    from cifar_cli.commands.eval import evaluate as command

    command(
        run,
        source=config,
        overrides=overrides,
        split=split,
        weights=weights,
        batch_size=batch_size,
        as_json=as_json,
        log_dir=log_dir,
    )


@app.command("visualize-layer")
def visualize_layer(
    words: LayerAndRun = None,
    config: Config = None,
    all_layers: Annotated[bool, typer.Option("--all", help="Every layer on one sheet, from pixels to scores.")] = False,
    exciting: Annotated[
        bool, typer.Option("--exciting", help="The test images that excite each channel most, and where in them.")
    ] = False,
    grad_cam: Annotated[
        bool, typer.Option("--grad-cam", help="Where the layer sees what speaks for the predicted class.")
    ] = False,
    compare: Annotated[bool, typer.Option("--compare", help="Before and after training, side by side.")] = False,
    over_time: Annotated[bool, typer.Option("--over-time", help="The layer through the epochs of its run.")] = False,
    images: Annotated[int | None, typer.Option(min=1, max=64, help="How many images to show.")] = None,
    mode: Annotated[
        str, typer.Option(metavar="tiles|tutorial", help="A tile per channel, or the tutorials' reshape.")
    ] = "tiles",
    weights: Weights = None,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Draw what a layer does to real images: input, output channel by channel, filters; or another picture of it."""
    modes = ("tiles", "tutorial")
    if mode not in modes:
        raise UsageError(f"--mode: expected one of {', '.join(modes)}, found '{mode}'{did_you_mean(mode, modes)}")
    wanted = {
        "--all": all_layers,
        "--exciting": exciting,
        "--grad-cam": grad_cam,
        "--compare": compare,
        "--over-time": over_time,
        "--mode tutorial": mode == "tutorial",
    }
    chosen = [option for option, is_wanted in wanted.items() if is_wanted]
    if len(chosen) > 1:
        raise UsageError(f"expected one picture at a time, found {' and '.join(chosen)}; draw one after the other")
    layer, run, overrides = split_layer_words(words, is_layer_wanted=not all_layers)
    check_config(config, overrides)
    from cifar_cli.commands.visualize_layer import visualize_layer as command

    command(
        layer,
        run,
        picture=chosen[0].removeprefix("--").removeprefix("mode ") if chosen else "layer",
        source=config,
        overrides=overrides,
        images=images,
        weights=weights,
        log_dir=log_dir,
    )


@app.command("benchmark")
def benchmark(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="CONFIG|key=value", help="What to time; by default, tutorial.")
    ] = None,
    against: Annotated[
        str, typer.Option(metavar="tutorial|plain", help="The tutorials' loop, or torch as it comes on our batches.")
    ] = "tutorial",
    seconds: Annotated[float, typer.Option(min=1, help="How long all rounds together take, about.")] = 60,
    rounds: Annotated[int, typer.Option(min=2, help="How often the loops take turns, at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, and nothing else there.")] = False,
) -> None:
    """Time a configuration's training, part by part, in turns with the loop that tutorials write."""
    source, overrides = split_words(words, of="configuration")
    check_config(source or "tutorial", overrides)
    from cifar_cli.commands.benchmark import benchmark as command

    command(source or "tutorial", overrides, against=against, seconds=seconds, rounds=rounds, as_json=as_json)


@app.command("explain")
def explain(
    words: RunOrConfigAndOverrides = None,
    config: Config = None,
    layer: Annotated[
        str | None, typer.Option("--layer", metavar="NAME", help="Work one number of this layer by hand.")
    ] = None,
    weights: Weights = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, and nothing else there.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write a page to look at.")] = None,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Explain a network layer by layer: shapes, parameters, FLOPs, time, what each number sees."""
    word, overrides = split_words(words, of="run or configuration")
    if word is not None and config is None:
        from cifar_cli.commands.resolve_source import is_config

        if is_config(word, log_dir=log_dir):
            word, config = None, word
    check_config(config, overrides, changeable=OF_THE_MACHINE)
    from cifar_cli.commands.explain import explain as command

    command(
        word,
        source=config,
        overrides=overrides,
        layer=layer,
        weights=weights,
        as_json=as_json,
        html=html,
        log_dir=log_dir,
    )


@app.command("lesson")
def lesson(
    name: Annotated[str | None, typer.Argument(metavar="NAME|all", help="Which one; without a name, a list.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the lesson's source instead of running it.")] = False,
) -> None:
    """The tutorials as small programs: run one, read one, or list them in learning order."""
    from cifar_cli.commands.lesson import lesson as command

    command(name, is_source_wanted=show)


@app.command("docs")
def docs(
    topic: Annotated[str | None, typer.Argument(metavar="TOPIC", help="Which page; without it, a list.")] = None,
) -> None:
    """The manual: list its pages, or print one."""
    from cifar_cli.commands.docs import docs as command

    command(topic)

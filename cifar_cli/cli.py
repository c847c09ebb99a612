"""The table of commands. The module of a command is imported when the command is called or completed."""

from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from cifar_cli import __version__


class Verb(NamedTuple):
    """A command. target: `module:name` of its function, or of the Typer object with its sub-commands."""

    target: str
    help: str


VERBS = {
    "train": Verb("cifar_cli.commands.train:train", "Train a network, and write the results into logs/<run>/."),
    "sweep": Verb(
        "cifar_cli.commands.sweep:sweep",
        "Search settings with Optuna: many trainings, compared on validation images; the best alone is tested.",
    ),
    "eval": Verb(
        "cifar_cli.commands.eval:evaluate",
        "Measure a trained network: accuracy, loss, per-class scores, confusion matrix.",
    ),
    "predict": Verb(
        "cifar_cli.commands.predict:predict",
        "Say what a trained network sees in your own pictures: the most probable classes, with bars.",
    ),
    "visualize-layer": Verb(
        "cifar_cli.commands.visualize_layer:visualize_layer",
        "Draw what a layer does to real images: input, output channel by channel, filters; or another picture.",
    ),
    "explain": Verb(
        "cifar_cli.commands.explain:explain",
        "Explain a network layer by layer: shapes, parameters, FLOPs, time, receptive fields.",
    ),
    "export": Verb(
        "cifar_cli.commands.export:export",
        "Write a trained network for other programs: ONNX, safetensors, torch.export, plain PyTorch.",
    ),
    "benchmark": Verb(
        "cifar_cli.commands.benchmark:benchmark",
        "Time the training of a configuration, part by part, and against the loop of the tutorials.",
    ),
    "lesson": Verb(
        "cifar_cli.commands.lesson:lesson",
        "The tutorials as small programs: run one, read one, or list them in learning order.",
    ),
    "config": Verb("cifar_cli.commands.config:app", "List, show, copy and check configurations."),
    "data": Verb("cifar_cli.commands.data:app", "Fetch, verify and find the images."),
    "doctor": Verb(
        "cifar_cli.commands.doctor:doctor",
        "Examine whether trainings work on this machine: what to run first, and to paste into a bug report.",
    ),
    "docs": Verb("cifar_cli.commands.docs:docs", "The manual: list its pages, or print one."),
}


class LazyGroup(TyperGroup):
    """Lists the commands of the table, and imports the command that is called."""

    # Any: newer versions of typer bring their own copy of click, so that the type of a context has two names.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns the name of the command, the command, and the words after the name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name is not None else command, rest


def load_command(name: str) -> Any:
    """Imports a command of the table."""
    module, _, attribute = VERBS[name].target.partition(":")
    verb = getattr(import_module(module), attribute)
    if not isinstance(verb, typer.Typer):
        function, verb = verb, typer.Typer(add_completion=False)
        console = import_module("cifar_cli.console.verb_command")
        verb.command(name, cls=console.VerbCommand)(function)
    return typer.main.get_command(verb)


app = typer.Typer(
    name="cifar",
    cls=LazyGroup,
    help="From a first convolution to a trustworthy CIFAR-10 result.",
    epilog="Start with: cifar train --config quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"cifar {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    # __main__ removes --debug from the command line, so that the option may also stand after the command.
    pass


def _placeholder() -> None:
    raise AssertionError("LazyGroup imports the command instead of calling its placeholder")


for _name, _verb in VERBS.items():
    app.command(_name, help=_verb.help)(_placeholder)

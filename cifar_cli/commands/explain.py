"""`cifar explain`: a network layer by layer, or one number of a layer worked by hand, as tables, JSON or a page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cifar_cli.commands.model_choice import OWN_MODEL_CONFIG, choose_model, read_trust
from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    AsJson,
    Config,
    LogDir,
    OwnModel,
    Pretrained,
    TrustModel,
    Weights,
    expand_option,
    is_config,
    split_words,
)
from cifar_cli.config.keys import MACHINE_KEYS
from cifar_cli.console.completion import complete_explain_words, complete_layer_option
from cifar_cli.errors import UsageError
from cifar_cli.models.own.own_source import meant_own_word
from cifar_cli.shell import shell_command

if TYPE_CHECKING:
    from cifar_cli.builders.load_model import LoadedModel


def _checked_page(parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    html = expand_option(parameter, value)
    # A device, such as /dev/null, would be replaced by the page.
    if html is not None and html.exists() and not html.is_file():
        found = "a folder" if html.is_dir() else "no regular file"
        raise UsageError(f"--html {html}: expected a file, found {found}; write for example --html network.html")
    return html


def explain(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN|CONFIG|FILE.py:NAME|key=value",
            help="A run, a configuration or a network of your own; by default, the newest run.",
            autocompletion=complete_explain_words,
        ),
    ] = None,
    config: Config = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", help="Work one number of this layer by hand.", autocompletion=complete_layer_option
        ),
    ] = None,
    weights: Weights = None,
    pretrained: Pretrained = False,
    as_json: AsJson = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a page for the browser.", callback=_checked_page),
    ] = None,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Explain a network layer by layer: shapes, parameters, FLOPs, time, receptive fields."""
    word, overrides = split_words(words, of="run or configuration")
    if word is not None and model is None and meant_own_word(word):
        word, model, config = None, word, config or OWN_MODEL_CONFIG
    if word is not None and config is None and is_config(word, log_dir=log_dir):
        word, config = None, word
    choice = choose_model(
        [*([word] if word is not None else []), *overrides],
        config=config,
        weights=weights,
        log_dir=log_dir,
        changeable=MACHINE_KEYS,
        pretrained=pretrained,
        trust_in=read_trust(model, trust_model),
    )
    from cifar_cli.console.network_table import print_network_summary, print_worked_example
    from cifar_cli.console.streams import note, print_next_step
    from cifar_cli.inspection.explain_network import explain_network
    from cifar_cli.report.network_page import write_network_page

    opened = choice.load()
    explanation = explain_network(opened, layer=layer)
    example = explanation.example
    note(f"this is {opened.source}")
    if as_json:
        print(json.dumps(explanation.as_dict(), ensure_ascii=False))
    elif example is not None:
        print_worked_example(example.layer, example.paper, picture=example.picture.caption)
    else:
        print_network_summary(explanation.summary, caption=explanation.caption)
    if html is not None:
        write_network_page(
            html,
            explanation.summary,
            title=explanation.title,
            subtitle=explanation.caption,
            example=(example.layer, example.paper, example.picture) if example else None,
        )
    print_next_step(
        wrote=[str(html)] if html is not None else [],
        next_command=_next_command(
            opened,
            layer=layer,
            rows=[row.name for row in explanation.summary.rows],
            words=choice.words_for(opened),
        ),
    )


def _next_command(opened: "LoadedModel", *, layer: str | None, rows: Sequence[str], words: Sequence[str]) -> str:
    """Returns the next command worth trying. rows: of the table; words: the words that name the network."""
    from cifar_cli.analysis.capture import first_layer

    if layer is None and rows:
        first = first_layer(opened.model)  # which the network may never call
        row = first if first is not None and first in rows else rows[0]
        return shell_command("cifar", "explain", *words, "--layer", row)
    module = (layer or "").partition("#")[0]  # the second call of a module is conv1#2
    if module and module in dict(opened.model.named_modules()):
        return shell_command("cifar", "visualize-layer", module, *words)
    return shell_command("cifar", "explain", *words, "--html", "network.html")

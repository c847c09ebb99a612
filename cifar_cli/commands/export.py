"""`cifar export`: writes a trained network for other programs, and compares what was written with the network."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cifar_cli import formatting
from cifar_cli.commands.model_choice import choose_model, read_trust
from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    AsJson,
    LogDir,
    OwnModel,
    Pretrained,
    TrustModel,
    Weights,
    expand_option,
    number,
    one_of,
)
from cifar_cli.config.keys import MACHINE_KEYS
from cifar_cli.console.completion import complete_export_words
from cifar_cli.errors import UsageError
from cifar_cli.export.table import FORMATS, check_libraries, check_own_network
from cifar_cli.shell import shell_command

if TYPE_CHECKING:
    from cifar_cli.export.export_network import Comparison


def export(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="A run folder, its name under logs/, or a checkpoint file; by default, the newest run.",
            autocompletion=complete_export_words,
        ),
    ] = None,
    to: Annotated[str | None, one_of(*FORMATS, help="The format; it has to be named.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to write; by default, the run's folder export/.", callback=expand_option
        ),
    ] = None,
    weights: Weights = None,
    pretrained: Pretrained = False,
    images: Annotated[
        int, number("--images", int, low=1, help="The number of test images to compare the answers on.")
    ] = 100,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    as_json: AsJson = False,
    log_dir: LogDir = DEFAULT_LOG_DIR,
) -> None:
    """Write a trained network for other programs: ONNX, safetensors, torch.export, plain PyTorch."""
    if to is None:
        meant = next((word for word in words or [] if word in FORMATS), None)
        mend = f"write cifar export --to {meant}" if meant else "write for example cifar export --to onnx"
        raise UsageError(f"cifar export: expected --to {'|'.join(FORMATS)}, found none; {mend}")
    trust_in = read_trust(model, trust_model)
    choice = choose_model(
        words,
        config=None,
        weights=weights,
        log_dir=log_dir,
        changeable=MACHINE_KEYS,
        is_run_needed=True,
        pretrained=pretrained,
        trust_in=trust_in,
    )
    if trust_in.named or trust_in.copy:  # before a large network is loaded
        check_own_network(to, trust_in.named.word if trust_in.named else "a network from a file of its own")
    check_libraries(to)
    import torch

    from cifar_cli.builders.load_data import load_data
    from cifar_cli.console.streams import note, print_next_step, results
    from cifar_cli.export.export_network import export_network
    from cifar_cli.export.exported_network import to_export

    opened = choice.load()
    _, splits = load_data(opened.experiment, environment=opened.run.environment)
    name = opened.run.name if opened.run.config.is_file() else Path(opened.checkpoint or opened.run.name).stem
    path = output or opened.run.path / "export" / f"{name}{FORMATS[to].suffix}"
    note(f"{opened.source}: to {to}, {FORMATS[to].title}")
    test = splits.test.subset(torch.arange(min(images, len(splits.test))))
    exported = export_network(to_export(opened, splits), path, format=to, images=test)
    if as_json:
        print(json.dumps(exported.as_dict(), ensure_ascii=False))
    else:
        console = results()
        for file in exported.files:
            size = formatting.binary_bytes(file.stat().st_size)
            console.print(f"{file}  {size}", soft_wrap=True)
        console.print(_describe(exported.comparison))
    print_next_step(
        wrote=[], next_command=_next_command(to, path, choice.words_for(opened), is_own=opened.experiment.model.is_own)
    )


def _describe(found: "Comparison") -> str:
    return (
        f"read again and compared on {found.images:,} test images: the logits differ by {found.largest_difference:.2g} "
        f"at most (the largest is {found.largest_logit:.3g}); {found.same_class:,} have the same class; "
        f"{found.correct:,} are right, and {found.exported_correct:,} by the exported file"
    )


def _next_command(to: str, path: Path, words: Sequence[str], *, is_own: bool) -> str:
    """Returns the next command worth trying, of formats without libraries. words: those that name the network."""
    if to == "python":
        return shell_command("python", path, "picture.png")
    if to == "torch.export" and is_own:
        return shell_command("cifar", "eval", *words)
    other = "torch.export" if is_own or to == "onnx" else "python"
    return shell_command("cifar", "export", "--to", other, *words)

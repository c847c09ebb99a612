"""`cifar benchmark`: how fast a configuration trains on this machine, where the time goes, and against what."""

import json
import shlex
from typing import Annotated

import typer

from cifar_cli import config
from cifar_cli.commands.options import AsJson, config_words, split_words
from cifar_cli.console.completion import complete_config_words
from cifar_cli.errors import UsageError, did_you_mean

REFERENCE_NAMES = ("tutorial", "plain")


def benchmark(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONFIG|key=value",
            help="What to time; by default, tutorial.",
            autocompletion=complete_config_words,
        ),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="tutorial|plain",
            help="The tutorials' loop, or torch as it comes on our batches.",
            autocompletion=lambda: list(REFERENCE_NAMES),
        ),
    ] = "tutorial",
    seconds: Annotated[float, typer.Option(min=1, help="How long all rounds together take, about.")] = 60,
    rounds: Annotated[int, typer.Option(min=2, help="How often the loops take turns, at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Time a configuration's training, part by part, in turns with the loop that tutorials write."""
    source, overrides = split_words(words, of="configuration")
    source = source or "tutorial"
    experiment = config.load(source, overrides)
    if against not in REFERENCE_NAMES:
        known = ", ".join(REFERENCE_NAMES)
        mend = did_you_mean(against, REFERENCE_NAMES)
        raise UsageError(f"--against: expected one of {known}; found '{against}'{mend}")
    if issue := config.class_scores_issue(experiment):
        raise UsageError(issue)
    from cifar_cli.benchmark.benchmark_tables import as_dict, print_report
    from cifar_cli.benchmark.build_subject import build_subject
    from cifar_cli.benchmark.run_benchmark import run_benchmark
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.runs.environment import describe_environment

    subject = build_subject(experiment, against=against)
    measured = run_benchmark(subject, seconds=seconds, rounds=rounds)
    if as_json:
        machine = describe_environment(
            device=subject.runtime.device_name, precision=subject.runtime.precision, data_root=subject.splits.root
        )
        print(json.dumps(as_dict(measured, subject, source=source, machine=machine)))
    else:
        print_report(measured, subject)
    print_next_step(wrote=[], next_command=shlex.join(["cifar", "train", *config_words(source, overrides)]))

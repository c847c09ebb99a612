"""`cifar benchmark`: how fast a configuration trains on this machine, part by part and against a reference."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli import config
from cifar_cli.benchmark.table import REFERENCES
from cifar_cli.builders.trust_model import words_for_own_model
from cifar_cli.commands.model_choice import OWN_MODEL_CONFIG, load_config, read_trust
from cifar_cli.commands.options import (
    AsJson,
    OwnModel,
    TrustModel,
    config_words,
    expand_option,
    number,
    one_of,
    split_words,
)
from cifar_cli.config.config_files import builtins
from cifar_cli.console.completion import complete_config_words
from cifar_cli.errors import CifarError, UsageError
from cifar_cli.models.own.own_source import meant_own_word
from cifar_cli.shell import shell_command


def benchmark(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONFIG|key=value",
            help="The configuration to time, by default tutorial; with --suite --json, the file to write.",
            autocompletion=complete_config_words,
        ),
    ] = None,
    against: Annotated[
        str | None,
        one_of(*REFERENCES, help="The tutorials' loop (the default), or a plain loop of eager torch on whole batches."),
    ] = None,
    suite: Annotated[
        bool, typer.Option("--suite", help="Time several configurations and the start of the program, in one go.")
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare", metavar="FILE", help="An earlier suite: tell what became slower.", callback=expand_option
        ),
    ] = None,
    seconds: Annotated[
        float, number("--seconds", float, low=1, help="The approximate duration of all rounds of a configuration.")
    ] = 60,
    rounds: Annotated[
        int, number("--rounds", int, low=2, help="The largest number of rounds; every loop runs in each.")
    ] = 20,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    as_json: AsJson = False,
) -> None:
    """Time the training of a configuration, part by part, and against the loop of the tutorials."""
    if suite:
        own = "--model" if model is not None else "--trust-model" if trust_model else None
        if fixed := own or ("--against" if against is not None else None):
            raise UsageError(f"--suite: expected no {fixed}, since its parts are always the same; leave it out")
        _run_suite(words, compare=compare, seconds=seconds, rounds=rounds, as_json=as_json)
        return
    if compare is not None:
        raise UsageError(
            "--compare: expected --suite beside it, found none; write cifar benchmark --suite --compare FILE"
        )
    source, overrides = split_words(words, of="configuration")
    if source is not None and (network := meant_own_word(source)):
        mend = f"write {shell_command('--model', network)}"
        raise UsageError(f"expected a configuration, found the network '{source}'; {mend}")
    trust_in = read_trust(model, trust_model)
    source = source or (OWN_MODEL_CONFIG if trust_in.named else "tutorial")
    experiment = load_config(source, overrides, trust_in)
    if issue := config.class_scores_issue(experiment):
        raise UsageError(issue)
    from cifar_cli.benchmark.benchmark_tables import as_dict, print_report
    from cifar_cli.benchmark.build_benchmark import build_benchmark, warn_if_busy
    from cifar_cli.benchmark.run_benchmark import run_benchmark
    from cifar_cli.builders.check_own_model import check_own_training
    from cifar_cli.builders.feature_layers import without_unknown_feature_layers
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.runs.environment import describe_environment

    if experiment.model.is_own:
        check_own_training(experiment)
        experiment = without_unknown_feature_layers(experiment)
    warn_if_busy()
    built = build_benchmark(experiment, against=against or "tutorial")
    measured = run_benchmark(built, seconds=seconds, max_rounds=rounds)
    if as_json:
        machine = describe_environment(
            device=built.runtime.device_name, precision=built.runtime.precision, data_root=built.splits.root
        )
        print(json.dumps(as_dict(measured, built, source=source, machine=machine)))
    else:
        print_report(measured, built)
    own_words = words_for_own_model(experiment.model)
    command = shell_command("cifar", "train", *config_words(source, overrides), *own_words)
    print_next_step(wrote=[], next_command=command)


def _run_suite(words: list[str] | None, *, compare: Path | None, seconds: float, rounds: int, as_json: bool) -> None:
    """Times the suite, writes or prints its figures, and compares them with those of the file `compare`.

    Raises CifarError if a part became slower.
    """
    file, overrides = split_words(words, of="file for the figures")
    if overrides or (file is not None and (not as_json or file in builtins())):
        found = overrides[0] if overrides else file
        raise UsageError(
            f"--suite: expected no configuration and no key=value, since its parts are fixed, found '{found}'; "
            f"write cifar benchmark --suite --json FILE to keep the figures"
        )
    from cifar_cli.benchmark.build_benchmark import warn_if_busy
    from cifar_cli.benchmark.compare_suites import SLOWER, compare_suites, other_machine, parts_of_one, read_suite
    from cifar_cli.benchmark.suite import run_suite
    from cifar_cli.benchmark.suite_tables import print_changes, print_suite
    from cifar_cli.console.streams import print_next_step, warn
    from cifar_cli.runs.json_files import write_json

    before = read_suite(compare) if compare is not None else None
    path = Path(file) if file is not None else None
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--json {path}: expected a file in an existing folder, found no {path.parent}; make it first")
    warn_if_busy()
    measured = run_suite(seconds=seconds, max_rounds=rounds)
    if path is not None:
        try:
            write_json(path, measured)
        except CifarError:
            print(json.dumps(measured))  # minutes of measuring are not lost to a full disk
            raise
    elif as_json:
        print(json.dumps(measured))
    if path is not None or not as_json:
        print_suite(measured)
    slower = []
    if before is not None:
        changes = compare_suites(before, measured)
        slower = [change.name for change in changes if change.verdict == SLOWER]
        if difference := other_machine(before, measured):
            warn(f"{compare} is not of this machine: {'; '.join(difference)}. The ratios may differ for that reason")
        if lone := parts_of_one(before, measured):
            warn(f"{compare}: not compared, as only one of the two suites has it: {', '.join(lone)}")
        if path is not None or not as_json:
            print_changes(changes, since=str(compare))
    kept = path or Path("suite.json")
    command = ("--compare", kept) if path is not None else ("--json", kept)
    print_next_step(
        wrote=[str(path)] if path else [], next_command=shell_command("cifar", "benchmark", "--suite", *command)
    )
    if slower:
        raise CifarError(
            f"--compare {compare}: expected no part to be slower, found {', '.join(slower)} slower by more than the "
            f"rounds differ; measure again while nothing else runs, then look at what changed"
        )

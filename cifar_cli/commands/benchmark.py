"""`cifar benchmark`: how fast a configuration trains on this machine, part by part and against a reference."""

import json
from typing import Annotated

import typer

from cifar_cli import config
from cifar_cli.benchmark.table import REFERENCES
from cifar_cli.builders.trust_model import words_for_own_model
from cifar_cli.commands.model_choice import OWN_MODEL_CONFIG, load_config, read_trust
from cifar_cli.commands.options import AsJson, OwnModel, TrustModel, config_words, number, one_of, split_words
from cifar_cli.console.completion import complete_config_words
from cifar_cli.errors import UsageError
from cifar_cli.models.own.own_source import meant_own_word
from cifar_cli.shell import shell_command


def benchmark(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONFIG|key=value",
            help="The configuration to time; by default, tutorial.",
            autocompletion=complete_config_words,
        ),
    ] = None,
    against: Annotated[
        str, one_of(*REFERENCES, help="The tutorials' loop, or a plain loop of eager torch on whole batches.")
    ] = "tutorial",
    seconds: Annotated[float, number("--seconds", float, low=1, help="The approximate duration of all rounds.")] = 60,
    rounds: Annotated[
        int, number("--rounds", int, low=2, help="The largest number of rounds; every loop runs in each.")
    ] = 20,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    as_json: AsJson = False,
) -> None:
    """Time the training of a configuration, part by part, and against the loop of the tutorials."""
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
    from cifar_cli.benchmark.build_benchmark import build_benchmark
    from cifar_cli.benchmark.run_benchmark import run_benchmark
    from cifar_cli.builders.check_own_model import check_own_training
    from cifar_cli.builders.feature_layers import without_unknown_feature_layers
    from cifar_cli.console.streams import print_next_step
    from cifar_cli.runs.environment import describe_environment

    if experiment.model.is_own:
        check_own_training(experiment)
        experiment = without_unknown_feature_layers(experiment)
    built = build_benchmark(experiment, against=against)
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

"""Times one configuration of the suite, in a process of its own, and prints its figures as JSON.

Run as `python -m cifar_cli.benchmark.suite_part CONFIG REFERENCE SECONDS ROUNDS`.
"""

import json
import sys

from cifar_cli import config
from cifar_cli.benchmark.benchmark_tables import as_dict
from cifar_cli.benchmark.build_benchmark import build_benchmark
from cifar_cli.benchmark.run_benchmark import run_benchmark
from cifar_cli.errors import CifarError
from cifar_cli.runs.environment import describe_environment


def main(source: str, against: str, seconds: str, max_rounds: str) -> None:
    """Prints the figures of a configuration's benchmark. The words are those of the command line."""
    built = build_benchmark(config.load(source), against=against)
    measured = run_benchmark(built, seconds=float(seconds), max_rounds=int(max_rounds))
    machine = describe_environment(
        device=built.runtime.device_name, precision=built.runtime.precision, data_root=built.splits.root
    )
    print(json.dumps(as_dict(measured, built, source=source, machine=machine)))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except CifarError as error:
        sys.exit(f"error: {error}")

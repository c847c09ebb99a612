"""Tells whether a word on the command line means a run or a configuration. Imports nothing slow."""

import os
from pathlib import Path

from cifar_cli.config.config_files import builtins
from cifar_cli.errors import RunError, UsageError
from cifar_cli.runs.run_folder import find_run


def is_config(word: str, *, log_dir: Path) -> bool:
    """Returns whether a RUN|CONFIG word is a configuration: a YAML file, or a built-in's name that no run bears.

    Raises UsageError for a word that is neither a run nor a configuration.
    """
    if word.endswith((".yaml", ".yml")):
        return True
    if word.endswith(".pt") or os.path.isfile(word):  # Path.is_file would raise for a name too long to exist
        return False
    try:
        find_run(word, log_dir=log_dir)
    except RunError as error:
        if word in builtins():
            return True
        known = ", ".join(builtins())
        raise UsageError(f"{error}; nor is it a configuration: a YAML file, or one of {known}") from None
    return False

"""A command whose unknown options are answered with the key of the configuration that is meant. No torch."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from typer.core import TyperCommand

from cifar_cli.config.first_guesses import accumulation_mend, full_key
from cifar_cli.config.keys import is_known_key
from cifar_cli.config.other_words import option_called
from cifar_cli.errors import UsageError
from cifar_cli.shell import shell_command


class VerbCommand(TyperCommand):
    """A command that answers `--epochs 1` with the key that is meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the words of the command line. Raises UsageError for an option that is a key of configurations."""
        typed = [*args]  # the parser takes the words out of the list
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # typer's own copy of click has its classes of errors in a private module
            option = str(getattr(error, "option_name", "") or "")
            if option.startswith("--") and (mend := _mend(option, typed)):
                raise UsageError(f"{option}: no such option; {mend}") from None
            raise


def _mend(option: str, typed: Sequence[str]) -> str | None:
    """Returns what to write instead of the option; None for a word that means nothing here."""
    word, value = option.removeprefix("--").replace("-", "_"), _value_of_option(option, typed)
    if mend := accumulation_mend(word, value, batch_size=None, is_typed=True):
        return mend
    if command := option_called(word):
        return f"write {command}"
    key = word if is_known_key(word) else full_key(word)
    return f"keys of a configuration have no dashes: {shell_command(f'{key}={value}')}" if key else None


def _value_of_option(option: str, typed: Sequence[str]) -> str:
    """Returns the typed value of `--option VALUE` or `--option=VALUE`, and `VALUE` if there is none."""
    for word, following in pairwise([*typed, ""]):
        name, _, value = word.partition("=")
        if name == option:
            return value or ("VALUE" if not following or following.startswith("--") else following)
    return "VALUE"

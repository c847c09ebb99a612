"""A command whose unknown options are answered with the key of the configuration that is meant. No torch."""

from typing import Any

from typer.core import TyperCommand

from cifar_cli.config.first_guesses import full_key
from cifar_cli.config.keys import is_known_key
from cifar_cli.errors import UsageError


class VerbCommand(TyperCommand):
    """A command that answers `--epochs 1` with the key that is meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the words of the command line. Raises UsageError for an option that is a key of configurations."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # typer's own copy of click has its classes of errors in a private module
            option = str(getattr(error, "option_name", "") or "")
            if option.startswith("--") and (key := _key_of_option(option)):
                raise UsageError(
                    f"{option}: no such option; keys of a configuration have no dashes: {key}=VALUE"
                ) from None
            raise


def _key_of_option(option: str) -> str | None:
    word = option.removeprefix("--").replace("-", "_")
    return word if is_known_key(word) else full_key(word)

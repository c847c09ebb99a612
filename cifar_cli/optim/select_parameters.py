"""Selects and freezes parameters by patterns of their names."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from torch import nn

from cifar_cli.errors import UsageError, did_you_mean

MOST_NAMES_SHOWN = 12


def select_parameters(patterns: Sequence[str], names: Collection[str], *, model: nn.Module, key: str) -> list[str]:
    """Returns the names that a pattern matches; in a pattern, `*` stands for any characters.

    names: the parameters of the model that can be selected; key: the location of the patterns in the configuration.
    Raises UsageError for a pattern that matches none of the names.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(f"{key}: {_why_none(pattern, model)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Freezes the parameters that the patterns match. Raises UsageError as `select_parameters` does."""
    parameters = dict(model.named_parameters())
    for name in select_parameters(patterns, parameters, model=model, key="train.freeze"):
        parameters[name].requires_grad_(False)


def _why_none(pattern: str, model: nn.Module) -> str:
    names = [name for name, _ in model.named_parameters()]
    matched = [name for name in names if fnmatchcase(name, pattern)]
    if matched:
        return (
            f"expected parameters that are trained and in no group before this one, found none for '{pattern}', "
            f"which matches {_listed(matched)}; leave the pattern out, or move its group up"
        )
    hint = did_you_mean(pattern, names) or f"; the parameters are {_listed(names)}"
    return f"expected the names of parameters, found none for '{pattern}'{hint}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES_SHOWN
    return ", ".join(names[:MOST_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")

"""Torch's own operations, as a trace meets them: their arguments by name, and their FLOPs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch


@dataclass(frozen=True)
class Operation:
    """One call of one of torch's operations. arguments: by the names of its schema."""

    name: str
    arguments: Mapping[str, Any]


@cache
def flop_formulas() -> dict[Any, Callable[..., int]]:
    """Returns torch's formulas by operation."""
    from torch.utils.flop_counter import flop_registry, sdpa_flop  # imports triton, where it is installed

    # torch counts attention on a GPU only; the operation that computes it on a CPU has as many FLOPs.
    return {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: sdpa_flop} | flop_registry


def named_arguments(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments by the names of the operation's schema, with the defaults."""
    schema = func._schema.arguments
    defaults = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    return defaults | {argument.name: value for argument, value in zip(schema, args, strict=False)} | dict(kwargs)

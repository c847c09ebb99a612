"""The steps of a walk as lines of a table, per image, with shares and totals. Knows nothing of drawing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from cifar_cli.insight.explained.receptive_field import Field
from cifar_cli.insight.explained.walk import Step


@dataclass(frozen=True)
class Line:
    """One step, per image: shapes without the batch, FLOPs, bytes of new memory; seconds are of the whole batch.

    inputs: names of the steps that it reads, empty where it reads the one before; receptive_field: pixels (height,
    width) that one number looks at, those beyond the edge included, None where that is unknown; sees_all: the number
    in the middle sees all of the image; stride: pixels from one number to the next, None where all see the same.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    formula: str
    parameters: int
    flops: int
    seconds: float
    time_share: float
    activation_bytes: int
    receptive_field: tuple[int, int] | None
    sees_all: bool
    stride: tuple[float, float] | None

    def as_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Totals:
    """Sums over the lines, per image but for `seconds`; unused: parameters that the pass never touched."""

    parameters: int
    trainable_parameters: int
    unused_parameters: int
    flops: int
    seconds: float
    activation_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Account:
    """A network's lines and their sums, for images of this shape in batches of this size."""

    lines: tuple[Line, ...]
    totals: Totals
    batch_size: int
    image_shape: tuple[int, int, int]


def account(model: nn.Module, steps: Sequence[Step], *, batch_size: int, image_shape: tuple[int, int, int]) -> Account:
    """Returns the table of a walk over a batch of this size."""
    seconds = sum(step.seconds for step in steps)
    lines, before = [], "image"
    for step in steps:
        lines.append(_line(step, before=before, batch_size=batch_size, seconds=seconds, sides=image_shape[1:]))
        if step.operations:
            before = step.name
    parameters = sum(parameter.numel() for parameter in model.parameters())
    totals = Totals(
        parameters=parameters,
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        unused_parameters=parameters - sum(line.parameters for line in lines),
        flops=sum(line.flops for line in lines),
        seconds=seconds,
        activation_bytes=sum(line.activation_bytes for line in lines),
    )
    return Account(tuple(lines), totals, batch_size, image_shape)


def _line(step: Step, *, before: str, batch_size: int, seconds: float, sides: Sequence[int]) -> Line:
    return Line(
        name=step.name,
        kind=step.kind,
        inputs=() if step.inputs == [before] else tuple(step.inputs),
        input_shape=step.input_shape[1:],
        output_shape=step.output_shape[1:],
        formula=step.formula,
        parameters=step.parameters,
        flops=step.flops // batch_size,
        seconds=step.seconds,
        time_share=step.seconds / seconds if seconds else 0.0,
        activation_bytes=step.activation_bytes // batch_size,
        receptive_field=(step.sees[0].size, step.sees[1].size) if step.sees else None,
        sees_all=_sees_all(step.sees, sides),
        stride=_stride(step.sees),
    )


def _sees_all(field: Field | None, sides: Sequence[int]) -> bool:
    if field is None:
        return False
    middles = [axis.seen(axis.length // 2) for axis in field]
    return middles == [(0, side - 1) for side in sides]


def _stride(field: Field | None) -> tuple[float, float] | None:
    if field is None or any(axis.stride == 0 for axis in field):
        return None
    return float(field[0].stride), float(field[1].stride)

"""Summarizes the trace of a forward pass as a table: a row per step, figures per image, and totals."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from cifar_cli import formatting
from cifar_cli.analysis.receptive_field_rules import Field
from cifar_cli.analysis.trace import TraceStep


@dataclass(frozen=True)
class LayerRow:
    """One step, per image: shapes without the batch, FLOPs, bytes of new memory; `seconds` is of the whole batch.

    inputs: names of the steps that the step reads, empty where it reads the step before; receptive_field: pixels
    (height, width) that one number depends on, those beyond the edge included, None where unknown; sees_all: the number
    in the middle depends on the whole image; stride: pixels from one number to the next, None where all numbers depend
    on the same pixels.
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

    @property
    def sees(self) -> str:
        """The receptive field as text: 5×5, `all` where all numbers see the whole image, `?` where unknown."""
        if self.receptive_field is None:
            return "?"
        return "all" if self.sees_all and self.stride is None else formatting.shape(self.receptive_field)

    def as_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class NetworkTotals:
    """Sums over the rows, per image except for `seconds`; unused_parameters: those that the pass never touched."""

    parameters: int
    trainable_parameters: int
    unused_parameters: int
    flops: int
    seconds: float
    activation_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class NetworkSummary:
    """A network's rows and their totals, for images of this shape in batches of this size."""

    rows: tuple[LayerRow, ...]
    totals: NetworkTotals
    batch_size: int
    image_shape: tuple[int, int, int]


def summarize_network(
    model: nn.Module, steps: Sequence[TraceStep], *, batch_size: int, image_shape: tuple[int, int, int]
) -> NetworkSummary:
    """Returns the summary of a traced forward pass over a batch of this size."""
    seconds = sum(step.seconds for step in steps)
    rows, before = [], "image"
    for step in steps:
        rows.append(_layer_row(step, before=before, batch_size=batch_size, seconds=seconds, sides=image_shape[1:]))
        if step.operations:
            before = step.name
    parameters = sum(parameter.numel() for parameter in model.parameters())
    totals = NetworkTotals(
        parameters=parameters,
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        unused_parameters=parameters - sum(row.parameters for row in rows),
        flops=sum(row.flops for row in rows),
        seconds=seconds,
        activation_bytes=sum(row.activation_bytes for row in rows),
    )
    return NetworkSummary(tuple(rows), totals, batch_size, image_shape)


def _layer_row(step: TraceStep, *, before: str, batch_size: int, seconds: float, sides: Sequence[int]) -> LayerRow:
    return LayerRow(
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
        receptive_field=(step.receptive_field[0].size, step.receptive_field[1].size) if step.receptive_field else None,
        sees_all=_sees_all(step.receptive_field, sides),
        stride=_stride(step.receptive_field),
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

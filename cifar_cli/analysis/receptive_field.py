"""Computes the receptive field of a layer's numbers as a rectangle of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.analysis.receptive_field_rules import Field, everything
from cifar_cli.analysis.trace import trace_forward


@dataclass(frozen=True)
class PixelBox:
    """Rows `top` to `bottom` and columns `left` to `right` of the image, the last of each not included, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> str:
        return formatting.shape((self.bottom - self.top, self.right - self.left))


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of each place of a layer's output; a vector is one place that unites its numbers'."""

    field: Field

    @property
    def middle(self) -> tuple[int, int]:
        """The place in the middle of the output, as (row, column)."""
        rows, columns = self.field
        return rows.length // 2, columns.length // 2

    def box_at(self, row: int, column: int) -> PixelBox:
        """Returns the pixels that the place (row, column) depends on, cut off at the edge of the image."""
        (top, lowest), (left, rightmost) = (
            axis.seen(place) for axis, place in zip(self.field, (row, column), strict=True)
        )
        return PixelBox(top, lowest + 1, left, rightmost + 1)

    @property
    def middle_box(self) -> PixelBox:
        """The pixels that the place in the middle of the output depends on."""
        return self.box_at(*self.middle)

    @property
    def whole_size(self) -> str | None:
        """The size of the middle place's field with the pixels beyond the image's edge; None where it has none there.

        This is the size that the table of the layers has; the box holds the pixels that are there.
        """
        whole = formatting.shape(axis.size for axis in self.field)
        return whole if whole != self.middle_box.size else None


def receptive_fields(model: nn.Module, images: Tensor, *, layers: Sequence[str]) -> dict[str, ReceptiveField]:
    """Returns the receptive fields of layers by name, at their first call on images (B, C, H, W).

    A layer whose receptive field is not known is left out. A container has the receptive field of its last step.
    """
    steps = {step.name: step for step in trace_forward(model, images[:1])}
    found = {}
    for layer in layers:
        within = [
            step for name, step in steps.items() if name.startswith((f"{layer}.", f"{layer}:")) and "#" not in name
        ]
        step = steps.get(layer) or (within[-1] if within else None)
        if step is not None and step.receptive_field is not None:
            is_map = len(step.output_shape) == 4
            found[layer] = ReceptiveField(step.receptive_field if is_map else everything(step.receptive_field))
    return found

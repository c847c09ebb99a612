"""Writes the explanation of a network as one HTML page, which loads nothing and runs no script.

The page itself is the template `templates/network.html.j2`; this module computes its values.
"""

from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from cifar_cli import formatting
from cifar_cli.analysis.network_summary import LayerRow, NetworkSummary
from cifar_cli.analysis.worked_number import WorkedExample
from cifar_cli.report.worked_example_values import ExampleImage, worked_example_values
from cifar_cli.runs.atomic_files import write_atomically


class Category(NamedTuple):
    """The layers that the page shows in one colour: those whose type's name has this word in it."""

    word: str
    title: str
    colour: str


CONVOLUTION, LINEAR = Category("conv", "convolution", "#3b6fd4"), Category("linear", "linear", "#1a8f5c")
OTHER = Category("", "everything else", "#8d97a5")  # its word is in every name
CATEGORIES = (  # a layer belongs to the first that fits
    CONVOLUTION,
    Category("pool", "pooling", "#d98a1f"),
    Category("norm", "normalization", "#8a6bbf"),
    LINEAR,
    Category("add", "sum of branches", "#c2456b"),
    OTHER,
)
# Of the page, in pixels: a pixel of a feature map, the highest block, a channel, the widest block beyond the thinnest.
PIXELS_PER_PIXEL, HIGHEST, PIXELS_PER_CHANNEL, WIDEST, THINNEST = 3.2, 110, 1 / 3, 174, 6


def write_network_page(
    path: Path,
    summary: NetworkSummary,
    *,
    title: str,
    subtitle: str,
    example: tuple[str, WorkedExample, ExampleImage] | None = None,
) -> None:
    """Writes the page, whole or not at all; folders on the way are made. Raises RunError where it cannot be written.

    example: a layer's name, one of its numbers worked by hand, and the image that the number is of.
    """
    templates = Environment(
        loader=PackageLoader("cifar_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template("network.html.j2").render(
        title=title,
        subtitle=subtitle,
        cards=_cards(summary),
        blocks=_blocks(summary),
        categories=_categories(summary),
        example=worked_example_values(*example) if example else None,
        rows=_rows(summary),
        totals={
            "parameters": f"{summary.totals.parameters:,}",
            "flops": formatting.si(summary.totals.flops),
            "time": formatting.duration(summary.totals.seconds),
            "memory": formatting.binary_bytes(summary.totals.activation_bytes),
        },
        notes=_notes(summary),
    )
    write_atomically(path, lambda file: file.write(page.encode()), make_folders=True)


def _cards(summary: NetworkSummary) -> list[dict[str, str]]:
    """Returns the four totals at the top of the page."""
    totals = summary.totals
    trained = totals.trainable_parameters
    trainable = "all trainable" if trained == totals.parameters else f"{trained:,} of them trainable"
    time = formatting.duration(totals.seconds)
    return [
        {"name": "parameters", "value": f"{totals.parameters:,}", "note": trainable},
        {"name": "FLOPs", "value": formatting.si(totals.flops), "note": "per image, forward"},
        {
            "name": "activations",
            "value": formatting.binary_bytes(totals.activation_bytes),
            "note": "per image, fp32",
        },
        {"name": "forward pass", "value": time, "note": f"for {formatting.count(summary.batch_size, 'image')}"},
    ]


def _category(kind: str) -> Category:
    return next(category for category in CATEGORIES if category.word in kind.lower())


def _categories(summary: NetworkSummary) -> list[Category]:
    """Returns the categories of the page's layers, for the legend of colours."""
    shown = {_category(layer.kind) for layer in summary.rows if layer.output_shape} | {OTHER}
    return sorted(shown, key=lambda category: category.title)


def _blocks(summary: NetworkSummary) -> list[dict[str, Any]]:
    """Returns the shapes as blocks: the image, then each step that changes the shape or has weights."""
    shown: list[tuple[str, str, tuple[int, ...], str]] = [("image", "image", summary.image_shape, OTHER.colour)]
    shape: tuple[int, ...] = summary.image_shape
    for layer in summary.rows:
        computes = _category(layer.kind) in (CONVOLUTION, LINEAR)
        if layer.output_shape and (computes or layer.output_shape != shape):
            shown.append((layer.name, layer.kind, layer.output_shape, _category(layer.kind).colour))
            shape = layer.output_shape
    # One scale for all blocks, on which the largest ends where the page has no more room.
    per_pixel = min(PIXELS_PER_PIXEL, HIGHEST / max(_height(sizes) for _, _, sizes, _ in shown))
    per_channel = min(PIXELS_PER_CHANNEL, WIDEST / max(_channels(sizes) for _, _, sizes, _ in shown))
    return [
        {
            "name": name,
            "kind": kind,
            "shape": formatting.shape(sizes),
            "colour": colour,
            "height": max(1, round(per_pixel * _height(sizes))),
            "width": THINNEST + round(per_channel * _channels(sizes)),
        }
        for name, kind, sizes, colour in shown
    ]


def _height(sizes: tuple[int, ...]) -> int:
    """Returns the height of maps in pixels: 1 of a vector, whose numbers count as maps of one pixel."""
    return sizes[-2] if len(sizes) > 1 else 1


def _channels(sizes: tuple[int, ...]) -> int:
    return 1 if len(sizes) == 2 else sizes[0]  # (T, D), a sequence of vectors, is one map


def _rows(summary: NetworkSummary) -> list[dict[str, Any]]:
    """Returns the rows of the table, with bars relative to the largest value of each column."""
    layers = summary.rows
    return [
        {
            "name": layer.name,
            "kind": layer.kind,
            "colour": _category(layer.kind).colour,
            "shape": formatting.shape(layer.output_shape),
            "formula": layer.formula,
            "source": layer.inputs[0] if len(layer.inputs) == 1 else "",
            "parameters": _bar(
                f"{layer.parameters:,}" if layer.parameters else formatting.NOTHING,
                layer.parameters,
                [other.parameters for other in layers],
            ),
            "flops": _bar(formatting.si(layer.flops), layer.flops, [other.flops for other in layers]),
            "time": _bar(
                formatting.percent(layer.time_share), layer.time_share, [other.time_share for other in layers]
            ),
            "sees": layer.sees,
            "stride": _stride(layer),
            "memory": _bar(
                formatting.binary_bytes(layer.activation_bytes),
                layer.activation_bytes,
                [other.activation_bytes for other in layers],
            ),
        }
        for layer in layers
    ]


def _stride(layer: LayerRow) -> str:
    if layer.stride is None:
        return formatting.NOTHING
    return "×".join(dict.fromkeys(f"{side:g}" for side in layer.stride))


def _bar(text: str, value: float, column: list[int] | list[float]) -> dict[str, Any]:
    largest = max(column)
    return {"text": text, "part": value / largest if largest else 0.0}


def _notes(summary: NetworkSummary) -> list[str]:
    """Returns the notes beneath the table."""
    batch_bytes = formatting.binary_bytes(summary.totals.activation_bytes * summary.batch_size)
    notes = [
        "FLOPs are counted as torch.utils.flop_counter does: those of convolutions and matrix products, a "
        "multiplication and an addition each one.",
        "Sees: the receptive field, the pixels that one number depends on, including pixels beyond the edge. Stride: "
        "pixels from one number to its neighbour.",
        "Memory: of the step's output, per image; a dot where the output needs none, because the step is in place or "
        f"only changes the shape. A batch of {summary.batch_size} takes {batch_bytes}.",
    ]
    if any("#" in layer.name for layer in summary.rows):
        notes.append("#2: the second time that the layer runs in one pass.")
    if summary.totals.unused_parameters:
        notes.append(f"Not used in the pass: {formatting.count(summary.totals.unused_parameters, 'parameter')}.")
    return notes

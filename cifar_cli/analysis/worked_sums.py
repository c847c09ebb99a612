"""Works one number of a convolution, a pooling or a linear layer by hand."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.receptive_field_rules import ADAPTIVE, WINDOWS, pair
from cifar_cli.analysis.trace import TraceStep
from cifar_cli.analysis.traced_operations import Operation
from cifar_cli.analysis.worked_number import (
    Place,
    WorkedExample,
    WorkedMatrices,
    all_rounded,
    largest_size,
    rounded,
)

SHOWN_CHANNELS = 3  # of a filter's input channels, the ones with the largest sums
SHOWN_PRODUCTS = 8


def window_example(step: TraceStep, digits: int | None) -> WorkedExample | None:
    """Returns the largest number of a convolution or pooling for the first image, or None for any other step.

    digits: as in `worked_example`.

    A window wholly inside the image is preferred: a border of zeros explains less.
    """
    assert step.output is not None
    operation = next((operation for operation in step.operations if operation.name in WINDOWS | ADAPTIVE), None)
    if operation is None or (len(step.operations) > 1 and operation.name != "convolution") or step.output.dim() != 4:
        return None
    images = _images(operation)
    taps = [_taps(operation, axis, output=step.output.shape[2 + axis]) for axis in range(2)]
    inner = [[all(pixel is not None for pixel, _ in window) for window in axis] for axis in taps]
    is_inner = torch.tensor(inner[0])[:, None] & torch.tensor(inner[1])
    numbers = step.output[0]
    candidates = numbers.masked_fill(~is_inner.to(numbers.device), -torch.inf) if is_inner.any() else numbers
    channel, row, column = (int(i) for i in torch.unravel_index(candidates.argmax(), numbers.shape))
    place, windows = (channel, row, column), (taps[0][row], taps[1][column])
    build = _convolution_example if operation.name == "convolution" else _pooling_example
    return build(operation, images[0].double(), place, windows, by_layer=float(numbers[place]), digits=digits)


def linear_example(
    operation: Operation, place: Place, by_layer: float, *, digits: int | None, row: int
) -> WorkedExample:
    """Returns one number of a linear layer: the largest products, the rest of them in one, and the bias.

    row: the row of the layer's inputs that the number is computed from.
    """
    arguments = operation.arguments
    inputs = (arguments["mat1"] if operation.name == "addmm" else arguments["self"])[row].double()
    weights = arguments["mat2"][:, place[-1]].double()
    exact = inputs * weights
    inputs, weights = all_rounded(inputs, digits), all_rounded(weights, digits)
    products = all_rounded(inputs * weights, digits)
    chosen = exact.abs().argsort(descending=True, stable=True)[:SHOWN_PRODUCTS].tolist()
    lines: list[tuple[str, float]] = [
        (f"x[{i}] · w[{i}] = {_digits(inputs[i], digits)} · {_digits(weights[i], digits)}", float(products[i]))
        for i in chosen
    ]
    if len(products) > len(chosen):
        rest = float(exact.sum() - exact[chosen].sum())
        lines.append((f"the other {len(products) - len(chosen)} products, which are smaller", rounded(rest, digits)))
    if operation.name == "addmm":
        bias = float(arguments["self"].expand(1, arguments["mat2"].shape[1])[0, place[-1]])
        lines.append(("bias", rounded(bias, digits)))
    total = rounded(sum(number for _, number in lines), digits)
    return WorkedExample(
        place,
        (),
        (*lines, ("sum", total)),
        total,
        by_layer,
        (largest_size(inputs[chosen]), largest_size(weights[chosen])),
    )


def _digits(number: Tensor, digits: int | None) -> str:
    return formatting.signed(float(number), digits=4 if digits is None else digits)


_Window: TypeAlias = list[tuple[int | None, int]]  # (pixel, or None outside the image; place in the kernel)


def _images(operation: Operation) -> Tensor:
    images = operation.arguments["input" if operation.name == "convolution" else "self"]
    assert isinstance(images, Tensor)
    return images


def _taps(operation: Operation, axis: int, *, output: int) -> list[_Window]:
    """Returns for each output position along an axis the pixels of its window."""
    arguments, size = operation.arguments, _images(operation).shape[2 + axis]
    if operation.name in ADAPTIVE:
        bounds = [(i * size // output, -(-(i + 1) * size // output)) for i in range(output)]
        return [[(pixel, pixel - start) for pixel in range(start, end)] for start, end in bounds]
    kernels = (
        tuple(arguments["weight"].shape[2:]) if operation.name == "convolution" else pair(arguments["kernel_size"])
    )
    kernel, stride = kernels[axis], pair(arguments.get("stride") or kernels)[axis]
    padding, dilation = pair(arguments.get("padding", 0))[axis], pair(arguments.get("dilation", 1))[axis]
    if arguments.get("transposed"):
        reached = [
            [((at + padding - k * dilation), k) for k in range(kernel) if (at + padding - k * dilation) % stride == 0]
            for at in range(output)
        ]
        return [[(at // stride, k) for at, k in window if 0 <= at // stride < size] for window in reached]
    places = [[at * stride - padding + k * dilation for k in range(kernel)] for at in range(output)]
    return [[(at if 0 <= at < size else None, k) for k, at in enumerate(window)] for window in places]


def _patch(image: Tensor, windows: Sequence[_Window], *, outside: float) -> Tensor:
    """Returns the numbers (C, rows, columns) inside a window."""
    rows, columns = windows
    padded = torch.nn.functional.pad(image, (0, 1, 0, 1), value=outside)  # its last row and column lie outside
    at_rows = [padded.shape[1] - 1 if pixel is None else pixel for pixel, _ in rows]
    at_columns = [padded.shape[2] - 1 if pixel is None else pixel for pixel, _ in columns]
    return padded[:, at_rows][:, :, at_columns]


def _convolution_example(
    operation: Operation,
    image: Tensor,
    place: Place,
    windows: Sequence[_Window],
    *,
    by_layer: float,
    digits: int | None,
) -> WorkedExample:
    arguments, channel = operation.arguments, place[0]
    weight = arguments["weight"].double()
    groups = int(arguments["groups"])
    per_group = image.shape[0] // groups
    if arguments["transposed"]:
        group, within = divmod(channel, weight.shape[1])
        filters = weight[group * per_group : (group + 1) * per_group, within]
    else:
        group = channel // (weight.shape[0] // groups)
        filters = weight[channel]
    filters = filters[:, [k for _, k in windows[0]]][:, :, [k for _, k in windows[1]]]
    patch = _patch(image[group * per_group : (group + 1) * per_group], windows, outside=0.0)
    exact = (patch * filters).sum(dim=(1, 2))
    patch, filters = all_rounded(patch, digits), all_rounded(filters, digits)
    products = all_rounded(patch * filters, digits)
    sums = products.sum(dim=(1, 2))
    shown = sorted(exact.abs().argsort(descending=True, stable=True)[:SHOWN_CHANNELS].tolist())
    grids = tuple(
        WorkedMatrices(
            f"input channel {group * per_group + i}",
            (("patch", patch[i]), ("filter", filters[i]), ("products", products[i])),
        )
        for i in shown
    )
    lines: list[tuple[str, float]] = [
        (f"products of input channel {group * per_group + i}, added up", rounded(float(sums[i]), digits)) for i in shown
    ]
    if len(sums) > len(shown):
        rest = float(exact.sum() - exact[shown].sum())
        lines.append((f"products of the other {len(sums) - len(shown)} channels", rounded(rest, digits)))
    if arguments["bias"] is not None:
        lines.append(("bias", rounded(float(arguments["bias"][channel]), digits)))
    total = rounded(sum(number for _, number in lines), digits)
    return WorkedExample(
        place,
        grids,
        (*lines, ("sum", total)),
        total,
        by_layer,
        (largest_size(patch[shown]), largest_size(filters[shown])),
    )


def _pooling_example(
    operation: Operation,
    image: Tensor,
    place: Place,
    windows: Sequence[_Window],
    *,
    by_layer: float,
    digits: int | None,
) -> WorkedExample:
    is_mean = "avg" in operation.name
    patch = _patch(image[place[0] : place[0] + 1], windows, outside=0.0 if is_mean else -torch.inf)[0]
    patch = all_rounded(patch, digits)
    grids = (WorkedMatrices(f"input channel {place[0]}", (("patch", patch),)),)
    if not is_mean:
        largest = float(patch.max())
        lines = (("the largest number of the patch", largest),)
        return WorkedExample(place, grids, lines, largest, by_layer, (largest_size(patch),))
    return mean_example(
        place, grids, patch, by_layer, divisor=_divisor(operation, place, windows, image), digits=digits
    )


def mean_example(
    place: Place,
    grids: tuple[WorkedMatrices, ...],
    numbers: Tensor,
    by_layer: float,
    *,
    divisor: int,
    digits: int | None,
) -> WorkedExample:
    """Returns the mean of numbers, their sum by a divisor."""
    total = rounded(float(numbers.sum()), digits)
    result = rounded(total / divisor, digits)
    lines = (("sum", total), (f"sum / {divisor}", result))
    return WorkedExample(place, grids, lines, result, by_layer, (largest_size(numbers),))


def _divisor(operation: Operation, place: Place, windows: Sequence[_Window], image: Tensor) -> int:
    """Returns the divisor of a mean: count_include_pad counts padding, but not what hangs over the padding."""
    arguments = operation.arguments
    if arguments.get("divisor_override"):
        return int(arguments["divisor_override"])
    counts = []
    for axis, window in enumerate(windows):
        inside = sum(pixel is not None for pixel, _ in window)
        if arguments.get("count_include_pad"):
            kernel = pair(arguments["kernel_size"])[axis]
            padding, stride = (
                pair(arguments["padding"])[axis],
                pair(arguments["stride"] or arguments["kernel_size"])[axis],
            )
            start = place[1 + axis] * stride - padding
            inside = min(start + kernel, image.shape[1 + axis] + padding) - start
        counts.append(inside)
    return counts[0] * counts[1]

"""The output shapes of convolutions and poolings, by the formulas of torch.nn's documentation."""

from collections.abc import Mapping, Sequence

from cifar_cli import formatting
from cifar_cli.config.layers.shapes.rule import Shape, ShapeError, as_int
from cifar_cli.models.layer import ArgumentValue


def _pair(value: ArgumentValue) -> tuple[int, int]:
    """Returns (height, width) of an argument that may be one number for both."""
    if isinstance(value, tuple):
        height, width = value
    else:
        height = width = value  # type: ignore[assignment]
    assert isinstance(height, int)
    assert isinstance(width, int)
    return height, width


def _window(size: int, kernel: int, stride: int, padding: int, dilation: int, *, ceil: bool = False) -> int:
    """Returns the output's size along one axis, in pixels. Raises ShapeError if this size is below 1."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    outputs = (room + (stride - 1 if ceil else 0)) // stride + 1
    # With ceil_mode a window may extend beyond the right edge, but must begin inside the image or its left padding.
    if ceil and (outputs - 1) * stride >= size + padding:
        outputs -= 1
    if outputs < 1:
        formula = f"({size} + 2×{padding} − {dilation}×({kernel} − 1) − 1) / {stride} + 1"
        raise ShapeError(
            f"expected at least 1 pixel to come out of each side, found {formula}, which is below 1",
            "make kernel_size smaller or padding larger, or take an earlier pooling away",
        )
    return outputs


def conv(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    _check_groups(arguments)
    kernels, strides = _pair(arguments["kernel_size"]), _pair(arguments["stride"])
    dilations, padding = _pair(arguments["dilation"]), arguments["padding"]
    if padding == "same" and strides != (1, 1):
        raise ShapeError(
            f"padding same expected a stride of 1, found {formatting.shape(strides)}", "write stride: 1", "stride"
        )
    _, *sides = shape
    if padding == "same":
        totals = [dilation * (kernel - 1) for kernel, dilation in zip(kernels, dilations, strict=True)]
        _check_padding_mode(arguments, sides, [total - total // 2 for total in totals])
        return (as_int(arguments["out_channels"]), *sides)
    paddings = (0, 0) if padding == "valid" else _pair(padding)
    _check_padding_mode(arguments, sides, paddings)
    outputs = map(_window, sides, kernels, strides, paddings, dilations)
    return (as_int(arguments["out_channels"]), *outputs)


def _check_groups(arguments: Mapping[str, ArgumentValue]) -> None:
    groups = as_int(arguments["groups"])
    for key in ("in_channels", "out_channels"):
        if (channels := as_int(arguments[key])) % groups:
            raise ShapeError(
                f"expected a divisor of {key} {channels}, found {groups}", "write for example groups: 1", "groups"
            )


def _check_padding_mode(arguments: Mapping[str, ArgumentValue], sides: Sequence[int], paddings: Sequence[int]) -> None:
    mode = arguments["padding_mode"]
    for side, padding in zip(sides, paddings, strict=True):
        # Reflection does not repeat the pixel at the edge; circular padding can use all pixels.
        limit = {"reflect": side - 1, "circular": side}.get(str(mode), padding)
        if padding > limit:
            raise ShapeError(
                f"padding_mode {mode} expected a padding of at most {limit} for a side of {side}, found {padding}",
                f"write for example padding: {limit}",
                "padding",
            )


def conv_transpose(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    _check_groups(arguments)
    _, *sides = shape
    outputs = [as_int(arguments["out_channels"])]
    names = ("kernel_size", "stride", "padding", "output_padding", "dilation")
    for side, kernel, stride, padding, extra, dilation in zip(
        sides, *(_pair(arguments[name]) for name in names), strict=True
    ):
        if extra >= max(stride, dilation):
            raise ShapeError(
                f"expected less than stride or dilation, {max(stride, dilation)}, found {extra}",
                f"write for example output_padding: {max(stride, dilation) - 1}",
                "output_padding",
            )
        output = (side - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
        if output < 1:
            sum_ = f"({side} − 1)×{stride} − 2×{padding} + {dilation}×({kernel} − 1) + {extra} + 1"
            raise ShapeError(
                f"expected at least 1 pixel to come out, found {sum_} = {output}", "make padding smaller", "padding"
            )
        outputs.append(output)
    return tuple(outputs)


def pool(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    channels, *sides = shape
    kernels = _pair(arguments["kernel_size"])
    strides = kernels if arguments["stride"] is None else _pair(arguments["stride"])
    paddings, dilations = _pair(arguments.get("padding", 0)), _pair(arguments.get("dilation", 1))
    for kernel, padding in zip(kernels, paddings, strict=True):
        # torch's CPU kernels allow half of the kernel size, whatever the dilation.
        limit = kernel // 2
        if padding > limit:
            raise ShapeError(
                f"expected at most half the kernel_size, {limit}, found {padding}",
                f"write for example padding: {limit}",
                "padding",
            )
    ceil = arguments["ceil_mode"] is True
    outputs = [
        _window(*numbers, ceil=ceil) for numbers in zip(sides, kernels, strides, paddings, dilations, strict=True)
    ]
    return (channels, *outputs)


def adaptive_pool(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    channels, *sides = shape
    wanted = arguments["output_size"]
    sizes = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    return (channels, *(side if size is None else as_int(size) for side, size in zip(sides, sizes, strict=True)))

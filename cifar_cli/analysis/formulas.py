"""Writes the computation of a layer as one line, with the layer's own numbers in the formula. Runs nothing."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from torch import nn

from cifar_cli import formatting
from cifar_cli.analysis.receptive_field_rules import ADAPTIVE, WINDOWS, pair

# By torch.nn's names. The lesson on activations takes its formulas from here.
ACTIVATION_FORMULAS = {
    "ReLU": "max(0, x)",
    "LeakyReLU": "max(0, x) + slope·min(0, x)",
    "PReLU": "max(0, x) + a·min(0, x)",
    "ReLU6": "min(max(0, x), 6)",
    "ELU": "max(0, x) + min(0, α(eˣ − 1))",
    "CELU": "max(0, x) + min(0, α(e^(x/α) − 1))",
    "SELU": "s·(max(0, x) + min(0, α(eˣ − 1)))",
    "GELU": "x·Φ(x) = x·½(1 + erf(x/√2))",
    "Sigmoid": "1 / (1 + e⁻ˣ)",
    "LogSigmoid": "log(1 / (1 + e⁻ˣ))",
    "Tanh": "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
    "Tanhshrink": "x − tanh(x)",
    "Softplus": "log(1 + e^(βx)) / β",
    "Softshrink": "x ∓ λ beyond ±λ, else 0",
    "SiLU": "x / (1 + e⁻ˣ)",
    "Mish": "x·tanh(log(1 + eˣ))",
    "Hardtanh": "x, cut off at both ends",
    "Softmax": "eˣ / Σ eˣ",
    "LogSoftmax": "x − log Σ eˣ",
}

# Operations outside of any layer: torch's internal name, and its public name.
NAMES = {
    "convolution": "conv2d",
    "max_pool2d_with_indices": "max_pool2d",
    "_adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "native_batch_norm": "batch_norm",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "addmm": "linear",
    "view": "reshape",
    "_unsafe_view": "reshape",
    "_to_copy": "to",
}
ATTENTION = "_scaled_dot_product"  # torch has a name for each device and algorithm
SIGNS = {"add": "+", "sub": "−", "mul": "·", "div": "/"}


def readable(operation: str) -> str:
    """Returns the public name of an operation of torch: conv2d for convolution, relu for relu_."""
    name = operation.rstrip("_")
    return "scaled_dot_product_attention" if name.startswith(ATTENTION) else NAMES.get(name, name)


def window_formula(size: int, *, kernel: int, stride: int, padding: int, dilation: int, ceil: bool, result: int) -> str:
    """Returns the output size of a sliding window, along one axis, with its numbers.

    With `ceil` (ceil_mode), a last window that would begin beyond the image and its left padding is left out; the line
    then mentions it.
    """
    reach = str(kernel) if dilation == 1 else f"{dilation}·({kernel} − 1) − 1"
    inside = f"({size} + 2·{padding} − {reach})/{stride}"
    if not ceil:
        return f"⌊{inside}⌋ + 1 = {result}"
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    unruled = -(-room // stride) + 1
    if unruled == result:
        return f"⌈{inside}⌉ + 1 = {result}"
    start = result * stride - padding
    return f"⌈{inside}⌉ + 1 = {unruled}, but the last window would start at {start}, outside: {result}"


def transposed_formula(
    size: int, *, kernel: int, stride: int, padding: int, dilation: int, extra: int, result: int
) -> str:
    """Returns the output size of a transposed convolution, along one axis, with its numbers."""
    reach = f"{kernel} − 1" if dilation == 1 else f"{dilation}·({kernel} − 1)"
    more = f" + {extra}" if extra else ""
    return f"({size} − 1)·{stride} − 2·{padding} + {reach}{more} + 1 = {result}"


def operation_formula(
    name: str,
    arguments: Mapping[str, Any],
    *,
    sources: Sequence[str],
    input_shape: Sequence[int],
    output: Sequence[int],
) -> str:
    """Returns an operation as one line. arguments: by the names of torch's schema; shapes: with the batch in front."""
    if name in WINDOWS and len(output) == 4:
        return _windows(name, arguments, input_shape, output)
    if name in ADAPTIVE:
        high, wide = (_adaptive_sizes(before, after) for before, after in zip(input_shape[2:], output[2:], strict=True))
        return f"{'mean' if 'avg' in name else 'largest'} of each {high}×{wide}"
    if name in ("addmm", "mm"):
        return f"{output[-1]} sums of {input_shape[-1]} products" + (" + bias" if name == "addmm" else "")
    if name in ("view", "_unsafe_view", "reshape") and len(output) == 2:
        return f"{'·'.join(map(str, input_shape[1:]))} = {prod(input_shape[1:])}"
    if sign := SIGNS.get(name.rstrip("_")):
        other = arguments["other"]
        # An operand that does not come from the image is a number, or weights that belong to no layer.
        return f"{sources[0]} {sign} {_other(other) if len(sources) == 1 else sources[1]}"
    if name.startswith(ATTENTION):
        return f"softmax(q·kᵀ/√{input_shape[-1]})·v"
    if name == "cat":
        return " ⧺ ".join(sources)
    if name == "mean":
        return "mean over the positions"
    return readable(name)


BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def module_formula(module: nn.Module) -> str | None:
    """Returns the formula of a module without a sliding window, or None for a module that has none here."""
    kind = type(module).__name__
    if isinstance(module, BATCH_NORMS):
        return "(x − μ)/√(σ² + ε)" + ("·γ + β" if module.affine else "")
    if isinstance(module, nn.AlphaDropout | nn.FeatureAlphaDropout):
        fraction = formatting.percent(module.p, decimals=0)
        return f"sets {fraction} to SELU's lowest value in training and rescales, nothing now"
    if isinstance(module, DROPOUTS):
        return f"sets {formatting.percent(module.p, decimals=0)} to 0 in training, none now"
    if isinstance(module, nn.Identity):
        return "x"
    if isinstance(module, nn.LocalResponseNorm):
        return f"x / (k + α·mean of x² over {module.size} channels)^β"
    if isinstance(module, nn.GroupNorm):
        scaled = "·γ + β" if module.affine else ""
        return f"(x − μ)/√(σ² + ε){scaled}, per image and each of {module.num_groups} groups"
    if isinstance(module, nn.LayerNorm):
        scaled = "·γ + β" if module.elementwise_affine else ""
        return f"(x − μ)/√(σ² + ε){scaled}, over {'×'.join(map(str, module.normalized_shape))}"
    if isinstance(module, nn.GELU) and module.approximate == "tanh":
        return "x·½(1 + tanh(√(2/π)·(x + 0.044715·x³)))"
    return ACTIVATION_FORMULAS.get(kind)


def _adaptive_sizes(size: int, count: int) -> str:
    """Returns the lengths of torch's `count` windows over `size` positions; the lengths may differ by one."""
    sizes = {-(-(i + 1) * size // count) - i * size // count for i in range(count)}
    return str(sizes.pop()) if len(sizes) == 1 else f"{min(sizes)}–{max(sizes)}"


def _other(value: Any) -> str:
    return f"{value:.4g}".replace("-", "−") if isinstance(value, int | float) else "weights"


def _windows(name: str, arguments: Mapping[str, Any], input_shape: Sequence[int], output: Sequence[int]) -> str:
    is_convolution = name == "convolution"
    kernels = tuple(arguments["weight"].shape[2:]) if is_convolution else pair(arguments["kernel_size"])
    strides = pair(arguments.get("stride") or kernels)
    paddings, dilations = pair(arguments.get("padding", 0)), pair(arguments.get("dilation", 1))
    extras = pair(arguments.get("output_padding", 0))
    lines = []
    for axis in range(2):
        numbers = {
            "kernel": kernels[axis],
            "stride": strides[axis],
            "padding": paddings[axis],
            "dilation": dilations[axis],
            "result": output[2 + axis],
        }
        size = input_shape[2 + axis]
        if is_convolution and arguments["transposed"]:
            lines.append(transposed_formula(size, extra=extras[axis], **numbers))
        else:
            lines.append(window_formula(size, ceil=bool(arguments.get("ceil_mode", False)), **numbers))
    return lines[0] if lines[0] == lines[1] else f"{lines[0]} high, {lines[1]} wide"

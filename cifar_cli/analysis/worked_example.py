"""Works one output number of a step by hand: its inputs, their factors, the sum, and the layer's own result.

Exact sums are in float64; the layer's result, in float32, differs by rounding only. On paper every number is rounded to
as many decimals as are shown, and the next step begins with the rounded number, so that a reader can redo it.
Convolutions, pooling and linear layers are in `worked_sums.py`, all other steps here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cifar_cli.analysis.activation_values import NUMBER
from cifar_cli.analysis.formulas import module_formula, readable
from cifar_cli.analysis.receptive_field_rules import RESHAPES
from cifar_cli.analysis.trace import TraceStep
from cifar_cli.analysis.traced_operations import Operation
from cifar_cli.analysis.worked_number import Place, WorkedExample, WorkedMatrices, all_rounded, rounded
from cifar_cli.analysis.worked_sums import linear_example, mean_example, window_example
from cifar_cli.errors import UsageError


@dataclass(frozen=True)
class _OutputNumber:
    """One number of a step's output: the operation that computes it, its place, and its value by the layer.

    digits: the decimals of every number on paper; None for exact numbers.
    """

    step: TraceStep
    operation: Operation
    place: Place
    by_layer: float
    digits: int | None

    def paper(self, value: float) -> float:
        """Returns a value as it is written down."""
        return rounded(value, self.digits)

    def example(
        self, inputs: tuple[float, ...], lines: tuple[tuple[str, float | None], ...], by_hand: float | None
    ) -> WorkedExample:
        """Returns the example without matrices; inputs: the numbers that it begins with."""
        return WorkedExample(self.place, (), lines, by_hand, self.by_layer, inputs)


def on_paper(step: TraceStep) -> WorkedExample:
    """Returns the example of `worked_example` with rounded numbers, each step worked from the rounded ones before."""
    exact = worked_example(step)
    # The number of decimals follows from the exact numbers: 0.0999996 is a 0.1 on paper, which needs one less.
    return replace(worked_example(step, digits=exact.digits), inputs=exact.inputs)


def worked_example(step: TraceStep, *, digits: int | None = None) -> WorkedExample:
    """Returns the largest number of the step's output for the first image, worked by hand.

    digits: every number is rounded to as many decimals before the next step; None: no number is.
    The step must be traced with its name as `capture`. Raises UsageError for a step that cannot be worked by hand.
    """
    output = step.output
    assert output is not None, step.name
    if not step.computing():
        raise UsageError(
            f"--layer {step.name}: {step.kind} changes nothing here, so there is nothing to work by hand; choose a "
            f"layer that computes something"
        )
    windows = window_example(step, digits)
    if windows is not None:
        return windows
    place = _largest(output[0])
    # An InstanceNorm is a BatchNorm between two reshapes.
    operations = [operation for operation in step.computing() if operation.name not in RESHAPES] or step.computing()
    number = _OutputNumber(step, operations[0], place, float(output[0][place]), digits)
    if len(operations) == 1 and (build := _EXAMPLES.get(operations[0].name.rstrip("_"))):
        return build(number)
    if step.kind in NUMBER and step.input_shape == step.output_shape:
        return _activation(number)
    raise _no_example(step)


def _no_example(step: TraceStep) -> UsageError:
    workable = ", ".join(("convolution, pooling, Linear, BatchNorm, GroupNorm, Flatten, addition, Softmax", *NUMBER))
    return UsageError(
        f"--layer {step.name}: expected a layer whose numbers can be worked by hand ({workable}), found {step.kind}; "
        f"choose another of the table's rows"
    )


def _largest(numbers: Tensor) -> Place:
    index = torch.unravel_index(numbers.argmax(), numbers.shape)
    return tuple(int(i) for i in index)


def _activation(number: _OutputNumber) -> WorkedExample:
    x = number.paper(float(_tensor(number, "self", "input")[0][number.place]))
    kind, module = number.step.kind, number.step.module
    formula = (module_formula(module) if module is not None else None) or readable(number.operation.name)
    by_hand = number.paper(NUMBER[kind](x, module)) if kind in NUMBER and module is not None else None
    return number.example((x,), (("x", x), (formula, by_hand)), by_hand)


def _linear(number: _OutputNumber) -> WorkedExample:
    sizes = _output(number).shape[:-1]  # an image may have many rows of inputs: its tokens
    row = sum(at * math.prod(sizes[axis + 1 :]) for axis, at in enumerate(number.place[:-1]))
    return linear_example(number.operation, number.place, number.by_layer, digits=number.digits, row=row)


def _relu(number: _OutputNumber) -> WorkedExample:
    x = number.paper(float(_tensor(number, "self")[0][number.place]))
    return number.example((x,), (("x", x), ("max(0, x)", max(0.0, x))), max(0.0, x))


def _batch_norm(number: _OutputNumber) -> WorkedExample:
    channel = number.place[0]
    arguments = number.operation.arguments
    x = float(arguments["input"][0][number.place])
    if arguments.get("training") or arguments["running_mean"] is None:
        values = arguments["input"][:, channel].double()
        mean, variance = float(values.mean()), float(values.var(correction=0))
    else:
        mean, variance = float(arguments["running_mean"][channel]), float(arguments["running_var"][channel])
    return _normalized(number, x, mean, variance, of=f"of channel {channel}", channel=channel)


def _group_norm(number: _OutputNumber) -> WorkedExample:
    arguments, channel = number.operation.arguments, number.place[0]
    size = arguments["C"] // arguments["group"]
    group = channel // size
    values = arguments["input"][0, group * size : (group + 1) * size].double()
    of = f"of channels {group * size} to {(group + 1) * size - 1}"
    x = float(arguments["input"][0][number.place])
    mean, variance = float(values.mean()), float(values.var(correction=0))
    return _normalized(number, x, mean, variance, of=of, channel=channel)


def _normalized(
    number: _OutputNumber, x: float, mean: float, variance: float, *, of: str, channel: int
) -> WorkedExample:
    arguments, paper = number.operation.arguments, number.paper
    eps = float(arguments["eps"])
    x, mean, variance = paper(x), paper(mean), paper(variance)
    inputs = [x, mean, variance]
    normalized = paper((x - mean) / math.sqrt(variance + eps))
    lines = [("x", x), (f"μ, the mean {of}", mean), (f"σ², the variance {of}", variance)]
    lines += [(f"(x − μ) / √(σ² + {eps:g})", normalized)]
    result = normalized
    if arguments["weight"] is not None:
        scale, shift = paper(float(arguments["weight"][channel])), paper(float(arguments["bias"][channel]))
        result = paper(normalized * scale + shift)
        inputs += [scale, shift]
        lines += [("γ, learnt", scale), ("β, learnt", shift), ("… · γ + β", result)]
    return number.example(tuple(inputs), tuple(lines), result)


def _softmax(number: _OutputNumber) -> WorkedExample:
    arguments = number.operation.arguments
    axis = arguments["dim"] % arguments["self"].dim() - 1  # of one image
    index = number.place[axis]
    others = tuple(slice(None) if i == axis else at for i, at in enumerate(number.place))
    row = arguments["self"][0][others].double()
    total = number.paper(float(row.exp().sum()))
    x = number.paper(float(row[index]))
    power = number.paper(math.exp(x))
    result = number.paper(power / total)
    lines = (("x", x), ("eˣ", power), (f"Σ eˣ over all {len(row)}", total), ("eˣ / Σ eˣ", result))
    return number.example((x, power, total), lines, result)


def _mean(number: _OutputNumber) -> WorkedExample:
    arguments = number.operation.arguments
    if {dim % 4 for dim in arguments["dim"] or ()} != {2, 3}:
        raise _no_example(number.step)
    numbers = all_rounded(arguments["self"][0, number.place[0]], number.digits)
    grids = (WorkedMatrices(f"input channel {number.place[0]}", (("numbers", numbers),)),)
    return mean_example(number.place, grids, numbers, number.by_layer, divisor=numbers.numel(), digits=number.digits)


def _flatten(number: _OutputNumber) -> WorkedExample:
    before = _tensor(number, "self")[0]
    index = 0
    for at, size in zip(number.place, _output(number).shape, strict=True):
        index = index * size + at
    place = tuple(int(i) for i in torch.unravel_index(torch.tensor(index), before.shape))
    x = number.paper(float(before[place]))
    sizes = [math.prod(before.shape[axis + 1 :]) for axis in range(before.dim())]
    sum_ = " + ".join(f"{i}·{size}" if size > 1 else str(i) for i, size in zip(place, sizes, strict=True))
    return number.example((x,), ((f"input{list(place)}, as {sum_} = {index}", x),), x)


def _output(number: _OutputNumber) -> Tensor:
    output = number.step.output
    assert output is not None
    return output[0]


def _two(sign: str, compute: Callable[[float, float], float]) -> Callable[[_OutputNumber], WorkedExample]:
    def build(number: _OutputNumber) -> WorkedExample:
        arguments, inputs = number.operation.arguments, number.step.inputs
        left, right = (number.paper(_number(arguments[key], number.place)) for key in ("self", "other"))
        names = [*inputs, "a number"][:2]
        result = number.paper(compute(left, right * float(arguments.get("alpha", 1))))
        lines = ((names[0], left), (f"{sign} {names[1]}", right), ("=", result))
        return number.example((left, right), lines, result)

    return build


def _number(value: Tensor | float, place: Place) -> float:
    if not isinstance(value, Tensor):
        return float(value)
    if value.dim() <= 1:
        return float(value.flatten()[place[-1] if value.numel() > 1 else 0])
    image = value[0]
    return float(image[tuple(min(i, size - 1) for i, size in zip(place, image.shape, strict=True))])


def _tensor(number: _OutputNumber, *names: str) -> Tensor:
    found: Any = next(number.operation.arguments[name] for name in names if name in number.operation.arguments)
    assert isinstance(found, Tensor)
    return found


_EXAMPLES: Mapping[str, Callable[[_OutputNumber], WorkedExample]] = {
    "addmm": _linear,
    "mm": _linear,
    "mean": _mean,
    "relu": _relu,
    "native_batch_norm": _batch_norm,
    "cudnn_batch_norm": _batch_norm,
    "native_group_norm": _group_norm,
    "_softmax": _softmax,
    "view": _flatten,
    "_unsafe_view": _flatten,
    "add": _two("+", lambda a, b: a + b),
    "sub": _two("−", lambda a, b: a - b),
    "mul": _two("·", lambda a, b: a * b),
    "div": _two("/", lambda a, b: a / b),
}

"""Works one output number of a step by hand: its inputs, their factors, the sum, and the layer's own answer.

Sums are in float64; the layer's own answer, in float32, differs by rounding only. Steps on windows and on rows of
numbers are in `worked_sums.py`, steps on single numbers here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cifar_cli.analysis.formulas import module_formula, readable
from cifar_cli.analysis.receptive_field_rules import RESHAPES
from cifar_cli.analysis.trace import Operation, TraceStep
from cifar_cli.analysis.worked_sums import Place, WorkedExample, WorkedMatrices, by_windows, matrix_row
from cifar_cli.errors import UsageError

NUMBER: Mapping[str, Callable[[float, nn.Module], float]] = {
    "ReLU": lambda x, layer: max(0.0, x),
    "ReLU6": lambda x, layer: min(max(0.0, x), 6.0),
    "LeakyReLU": lambda x, layer: max(0.0, x) + float(layer.negative_slope) * min(0.0, x),  # type: ignore[arg-type]
    "Sigmoid": lambda x, layer: 1 / (1 + math.exp(-x)),
    "Tanh": lambda x, layer: math.tanh(x),
    "SiLU": lambda x, layer: x / (1 + math.exp(-x)),
    "GELU": lambda x, layer: _gelu(x, by_tanh=layer.approximate == "tanh"),
}


def _gelu(x: float, *, by_tanh: bool) -> float:
    if by_tanh:
        return x * 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


@dataclass(frozen=True)
class _Given:
    """The arguments of the workers below: the step, its operation, the place, and the layer's number there."""

    step: TraceStep
    operation: Operation
    place: Place
    by_layer: float


def worked_example(step: TraceStep) -> WorkedExample:
    """Returns the largest number of the step's output for the first image, worked by hand.

    The step must be traced with its name as `capture`. Raises UsageError for a step that cannot be worked by hand.
    """
    output = step.output
    assert output is not None, step.name
    if not step.computing():
        raise UsageError(
            f"--layer {step.name}: {step.kind} changes nothing here, so there is nothing to work by hand; choose a "
            f"layer that computes something"
        )
    windows = by_windows(step)
    if windows is not None:
        return windows
    place = _largest(output[0])
    # An InstanceNorm is a BatchNorm between two reshapes.
    operations = [one for one in step.computing() if one.name not in RESHAPES] or step.computing()
    given = _Given(step, operations[0], place, float(output[0][place]))
    if len(operations) == 1 and (worker := _WORKERS.get(operations[0].name.rstrip("_"))):
        return worker(given)
    if step.kind in NUMBER and step.input_shape == step.output_shape:
        return _activation(given)
    raise _no_hand_work(step)


def _no_hand_work(step: TraceStep) -> UsageError:
    workable = ", ".join(("convolution, pooling, Linear, BatchNorm, GroupNorm, Flatten, addition, Softmax", *NUMBER))
    return UsageError(
        f"--layer {step.name}: expected a layer whose numbers can be worked by hand ({workable}), found {step.kind}; "
        f"choose another of the table's rows"
    )


def _largest(numbers: Tensor) -> Place:
    index = torch.unravel_index(numbers.argmax(), numbers.shape)
    return tuple(int(i) for i in index)


def _activation(given: _Given) -> WorkedExample:
    x = float(_tensor(given, "self", "input")[0][given.place])
    kind, module = given.step.kind, given.step.module
    formula = (module_formula(module) if module is not None else None) or readable(given.operation.name)
    by_hand = NUMBER[kind](x, module) if kind in NUMBER and module is not None else None
    return WorkedExample(given.place, (), (("x", x), (formula, by_hand)), by_hand, given.by_layer)


def _relu(given: _Given) -> WorkedExample:
    x = float(_tensor(given, "self")[0][given.place])
    return WorkedExample(given.place, (), (("x", x), ("max(0, x)", max(0.0, x))), max(0.0, x), given.by_layer)


def _batch_norm(given: _Given) -> WorkedExample:
    channel = given.place[0]
    taken = given.operation.arguments
    x = float(taken["input"][0][given.place])
    if taken.get("training") or taken["running_mean"] is None:
        values = taken["input"][:, channel].double()
        mean, variance = float(values.mean()), float(values.var(correction=0))
    else:
        mean, variance = float(taken["running_mean"][channel]), float(taken["running_var"][channel])
    return _normalized(given, x, mean, variance, of=f"of channel {channel}", channel=channel)


def _group_norm(given: _Given) -> WorkedExample:
    taken, channel = given.operation.arguments, given.place[0]
    size = taken["C"] // taken["group"]
    group = channel // size
    values = taken["input"][0, group * size : (group + 1) * size].double()
    of = f"of channels {group * size} to {(group + 1) * size - 1}"
    x = float(taken["input"][0][given.place])
    mean, variance = float(values.mean()), float(values.var(correction=0))
    return _normalized(given, x, mean, variance, of=of, channel=channel)


def _normalized(given: _Given, x: float, mean: float, variance: float, *, of: str, channel: int) -> WorkedExample:
    taken = given.operation.arguments
    eps = float(taken["eps"])
    normalized = (x - mean) / math.sqrt(variance + eps)
    lines = [("x", x), (f"μ, the mean {of}", mean), (f"σ², the variance {of}", variance)]
    lines += [(f"(x − μ) / √(σ² + {eps:g})", normalized)]
    result = normalized
    if taken["weight"] is not None:
        scale, shift = float(taken["weight"][channel]), float(taken["bias"][channel])
        result = normalized * scale + shift
        lines += [("γ, learnt", scale), ("β, learnt", shift), ("… · γ + β", result)]
    return WorkedExample(given.place, (), tuple(lines), result, given.by_layer)


def _softmax(given: _Given) -> WorkedExample:
    taken = given.operation.arguments
    axis = taken["dim"] % taken["self"].dim() - 1  # of one image
    index = given.place[axis]
    others = tuple(slice(None) if i == axis else at for i, at in enumerate(given.place))
    row = taken["self"][0][others].double()
    total = float(row.exp().sum())
    x = float(row[index])
    result = math.exp(x) / total
    lines = (("x", x), ("eˣ", math.exp(x)), (f"Σ eˣ over all {len(row)}", total), ("eˣ / Σ eˣ", result))
    return WorkedExample(given.place, (), lines, result, given.by_layer)


def _mean(given: _Given) -> WorkedExample:
    taken = given.operation.arguments
    if {dim % 4 for dim in taken["dim"] or ()} != {2, 3}:
        raise _no_hand_work(given.step)
    numbers = taken["self"][0, given.place[0]].double()
    total, result = float(numbers.sum()), float(numbers.mean())
    grids = (WorkedMatrices(f"input channel {given.place[0]}", (("numbers", numbers),)),)
    lines = (("sum", total), (f"sum / {numbers.numel()}", result))
    return WorkedExample(given.place, grids, lines, result, given.by_layer)


def _flatten(given: _Given) -> WorkedExample:
    before = _tensor(given, "self")[0]
    index = 0
    for at, size in zip(given.place, _output(given).shape, strict=True):
        index = index * size + at
    place = tuple(int(i) for i in torch.unravel_index(torch.tensor(index), before.shape))
    x = float(before[place])
    sizes = [math.prod(before.shape[axis + 1 :]) for axis in range(before.dim())]
    sum_ = " + ".join(f"{i}·{size}" if size > 1 else str(i) for i, size in zip(place, sizes, strict=True))
    return WorkedExample(given.place, (), ((f"input{list(place)}, as {sum_} = {index}", x),), x, given.by_layer)


def _output(given: _Given) -> Tensor:
    output = given.step.output
    assert output is not None
    return output[0]


def _two(sign: str, compute: Callable[[float, float], float]) -> Callable[[_Given], WorkedExample]:
    def worker(given: _Given) -> WorkedExample:
        taken, inputs = given.operation.arguments, given.step.inputs
        left, right = (_number(taken[key], given.place) for key in ("self", "other"))
        names = [*inputs, "a number"][:2]
        result = compute(left, right * float(taken.get("alpha", 1)))
        lines = ((names[0], left), (f"{sign} {names[1]}", right), ("=", result))
        return WorkedExample(given.place, (), lines, result, given.by_layer)

    return worker


def _number(value: Tensor | float, place: Place) -> float:
    if not isinstance(value, Tensor):
        return float(value)
    if value.dim() <= 1:
        return float(value.flatten()[place[-1] if value.numel() > 1 else 0])
    image = value[0]
    return float(image[tuple(min(i, size - 1) for i, size in zip(place, image.shape, strict=True))])


def _tensor(given: _Given, *names: str) -> Tensor:
    found: Any = next(given.operation.arguments[name] for name in names if name in given.operation.arguments)
    assert isinstance(found, Tensor)
    return found


_WORKERS: Mapping[str, Callable[[_Given], WorkedExample]] = {
    "addmm": lambda given: matrix_row(given.operation, given.place, given.by_layer),
    "mm": lambda given: matrix_row(given.operation, given.place, given.by_layer),
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

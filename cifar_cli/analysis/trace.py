"""Traces one forward pass step by step: layers in the order of their calls, and operations outside of any layer.

A step is a call of a module without children, or one of torch's operations elsewhere in the pass, such as the addition
of a residual network. The trace works below torch.nn, where only torch's own operations are left.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from cifar_cli.analysis.formulas import module_formula, operation_formula, readable
from cifar_cli.analysis.receptive_field_rules import RESHAPES, WINDOWS, Field, follow, of_image
from cifar_cli.analysis.traced_operations import Operation, flop_formulas, named_arguments
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.training.runtime import synchronize

# These layers mix channels and no positions; their operations, which pad and pool over channels, do not show that.
KEEPS_POSITIONS = (nn.LocalResponseNorm,)
# Operations that compute nothing.
COPIES = {"clone", "_to_copy", "alias", "detach", "as_strided_"}


@dataclass
class TraceStep:
    """One call of a layer, or one operation between layers, on a batch.

    name: the layer's, or the operation's module and kind (`layer1.0:add`), with #2 at the second call; inputs: the
    steps that the step reads, `image` for the batch; shapes: with the batch in front; flops: of the whole batch, as
    torch counts them; parameters: those that no earlier step has counted; activation_bytes: new memory for the
    output; seconds: of this call; receptive_field: of a number, None where unknown; output: of the captured step.
    """

    name: str
    kind: str
    module: nn.Module | None
    inputs: list[str] = field(default_factory=list)
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    formula: str = ""
    parameters: int = 0
    flops: int = 0
    activation_bytes: int = 0
    seconds: float = 0.0
    receptive_field: Field | None = None
    operations: list[Operation] = field(default_factory=list)
    output: Tensor | None = None

    def computing(self) -> list[Operation]:
        """Returns the operations without copies: a Flatten copies where channels lie last in memory."""
        return [operation for operation in self.operations if operation.name not in COPIES]


def trace_forward(
    model: nn.Module, images: Tensor, *, capture: str | None = None, clock: Callable[[], float] = perf_counter
) -> list[TraceStep]:
    """Returns the steps of one pass over images (B, C, H, W), in eval mode and without gradients, in their order.

    The step named `capture` holds copies of its inputs and its output, which a later in-place step cannot change.
    clock: gives the time in seconds.
    """
    tracer = _Tracer(model, images, capture, clock)
    with ExitStack() as stack:
        stack.enter_context(eval_mode(model))
        # Not inference_mode: its operations arrive before torch has decomposed them into basic ones.
        stack.enter_context(torch.no_grad())
        for name, module in model.named_modules():
            stack.callback(module.register_forward_pre_hook(tracer.enter(name)).remove)
            stack.callback(module.register_forward_hook(tracer.leave, always_call=True).remove)
        stack.enter_context(tracer)
        model(images)
    return tracer.steps


class _Tracer(TorchDispatchMode):
    def __init__(self, model: nn.Module, images: Tensor, capture: str | None, clock: Callable[[], float]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[TraceStep] = []
        self._capture = capture
        self._clock = clock
        self._scopes: list[str] = []
        self._layer: TraceStep | None = None  # the layer that is running now
        self._counts: dict[str, int] = {}
        self._uncounted = {id(parameter): parameter for parameter in model.parameters()}
        self._alive = [images]  # as long as a tensor lives, its id is unique
        self._fields: dict[int, Field | None] = {id(images): of_image(images.shape[2:])}
        self._names: dict[int, str] = {id(images): "image"}

    # --- modules -----------------------------------------------------------------------------------------------------

    def enter(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            self._scopes.append(name)
            if next(module.children(), None) is None and self._layer is None:
                self._layer = self._add_step(name or type(module).__name__, type(module).__name__, module)
                self._set_inputs(self._layer, list(_tensors(args)))
                self._count_parameters(self._layer, module.parameters())

        return hook

    def leave(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        self._scopes.pop()
        step = self._layer
        if step is None or step.module is not module:
            return
        self._layer = None
        tensor = next(_tensors(output), None)
        if tensor is None:
            return
        if isinstance(module, KEEPS_POSITIONS):
            self._fields[id(tensor)] = self._fields.get(id(args[0]))
        self._set_output(step, tensor, list(_tensors(args)))
        step.formula = module_formula(module) or _formula_of(step)

    # --- operations --------------------------------------------------------------------------------------------------

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Returns False: torch would import torch._dynamo, for a second, to keep torch.compile out."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = named_arguments(func, args, kwargs or {})
        sources = list(_tensors((args, kwargs or {})))
        reads_image = any(id(tensor) in self._fields for tensor in sources)
        step = self._layer
        if step is None and reads_image:
            step = self._add_operation(func)
            self._set_inputs(step, sources)
        if step is not None and step.name == self._capture:
            named = tree_map_only(Tensor, Tensor.clone, named)
        storages = {tensor.untyped_storage()._cdata for tensor in sources}
        output, seconds = self._timed(func, args, kwargs or {})
        if step is None:
            return output  # an operation on weights only, between layers
        step.seconds += seconds
        if not reads_image:
            return output
        name = func._overloadpacket.__name__
        step.operations.append(Operation(name, named))
        formulas = flop_formulas()
        if func._overloadpacket in formulas:
            step.flops += formulas[func._overloadpacket](*args, **(kwargs or {}), out_val=output)
        results = list(_tensors(output))
        seen = [self._fields[id(tensor)] for tensor in sources if id(tensor) in self._fields]
        for tensor in results:
            self._alive.append(tensor)
            is_pointwise = torch.Tag.pointwise in func.tags
            self._fields[id(tensor)] = follow(name, named, seen, output_shape=tensor.shape, is_pointwise=is_pointwise)
            self._names[id(tensor)] = step.name
        if self._layer is None and results:
            self._count_parameters(
                step, (p for p in self._uncounted.values() if p.untyped_storage()._cdata in storages)
            )
            self._set_output(step, results[0], sources)
            step.formula = _formula_of(step)
        return output

    def _timed(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, float]:
        """Returns the operation's output and its seconds."""
        device = self._alive[0].device
        synchronize(device)
        start = self._clock()
        output = func(*args, **kwargs)
        synchronize(device)
        return output, self._clock() - start

    def _add_operation(self, func: Any) -> TraceStep:
        kind = readable(func._overloadpacket.__name__)
        scope = self._scopes[-1] if self._scopes else ""
        return self._add_step(f"{scope}:{kind}" if scope else kind, kind, None)

    # --- a step's entries --------------------------------------------------------------------------------------------

    def _add_step(self, name: str, kind: str, module: nn.Module | None) -> TraceStep:
        self._counts[name] = call = self._counts.get(name, 0) + 1
        self.steps.append(TraceStep(name if call == 1 else f"{name}#{call}", kind, module))
        return self.steps[-1]

    def _set_inputs(self, step: TraceStep, sources: Sequence[Tensor]) -> None:
        from_image = [tensor for tensor in sources if id(tensor) in self._names]
        step.inputs = [self._names[id(tensor)] for tensor in from_image]
        if from_image:
            step.input_shape = tuple(from_image[0].shape)

    def _count_parameters(self, step: TraceStep, parameters: Iterator[nn.Parameter]) -> None:
        for parameter in list(parameters):
            if self._uncounted.pop(id(parameter), None) is not None:
                step.parameters += parameter.numel()

    def _set_output(self, step: TraceStep, output: Tensor, sources: Sequence[Tensor]) -> None:
        step.output_shape = tuple(output.shape)
        storages = {tensor.untyped_storage()._cdata for tensor in sources}
        is_new = output.untyped_storage()._cdata not in storages
        step.activation_bytes = output.numel() * output.element_size() if is_new else 0
        step.receptive_field = self._fields.get(id(output))
        if step.operations:  # a step without operations returns its input, under the name of the step that made it
            self._names[id(output)] = step.name
        if step.name == self._capture:
            step.output = output.clone()


def _tensors(value: object) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _formula_of(step: TraceStep) -> str:
    """Returns the formula of the step's only operation, or of its operation with a window, or the operations' names."""
    operations = step.computing()
    if not operations:
        return "returns its input"
    # A Linear of tokens is a product of matrices between two reshapes.
    operations = [operation for operation in operations if operation.name not in RESHAPES] or operations
    windows = [operation for operation in operations if operation.name in WINDOWS]
    chosen = windows[0] if windows else operations[0]
    if not windows and len(operations) > 1:
        return ", ".join(dict.fromkeys(readable(operation.name) for operation in operations))
    shapes = [value.shape for value in chosen.arguments.values() if isinstance(value, Tensor) and value.dim() > 1]
    if chosen.name == "addmm":
        shapes = [chosen.arguments["mat1"].shape]
    return operation_formula(
        chosen.name,
        chosen.arguments,
        sources=step.inputs,
        input_shape=shapes[0] if shapes else step.input_shape,
        output=step.output_shape,
    )

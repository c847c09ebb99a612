"""Times the steps of a forward pass."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

from torch import Tensor, nn

from cifar_cli.analysis.trace import TraceStep, trace_forward


def time_forward(
    model: nn.Module,
    images: Tensor,
    *,
    passes: int = 7,
    seconds: float = 2.0,
    clock: Callable[[], float] = perf_counter,
) -> list[TraceStep]:
    """Returns the steps of a pass with their median times over `passes` passes, or as many as fit into `seconds`."""
    steps = trace_forward(
        model, images, clock=clock
    )  # the first pass is slower: torch allocates memory and chooses algorithms
    times: list[list[float]] = []
    start = clock()
    while len(times) < passes and (not times or clock() - start < seconds):
        times.append([step.seconds for step in trace_forward(model, images, clock=clock)])
    for step, step_times in zip(steps, zip(*times, strict=True), strict=True):
        step.seconds = median(step_times)
    return steps

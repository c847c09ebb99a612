"""The learning-rate range test: trains a few steps while the learning rate grows from far too small to far too large.

Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186, section 3.3.
"""

from collections.abc import Iterator
from copy import deepcopy

from cifar_cli.data.batch import Batch
from cifar_cli.optim.reported_lr import LR_SCALE, configured_lr
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import Task
from cifar_cli.training.lr_curve import LrCurve
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import TrainingState
from cifar_cli.training.train_step import train_step

STEPS = 100
HIGHEST_LR = 10.0  # as in fastai; or ten times the configured learning rate, if that is more
DECADES = 7  # from HIGHEST_LR down to the first


def lr_range_test(state: TrainingState, task: Task, *, runtime: Runtime, shutdown: ShutdownRequest) -> LrCurve:
    """Returns the loss of each step, with the reported learning rate of the step, until the loss has diverged.

    All parameter groups keep their ratios. A signal ends the test early. Afterwards the state is as before, to the bit.
    """
    configured = configured_lr(state.scheduler).value
    highest = max(HIGHEST_LR, 10 * configured)
    before = deepcopy(state.state_dict())
    lrs: list[float] = []
    losses: list[float] = []
    curve = LrCurve(lrs, losses)
    try:
        state.model.train()
        for step, batch in zip(range(STEPS), _batches(task), strict=False):
            lr = highest * 10 ** (DECADES * (step / (STEPS - 1) - 1))
            for group in state.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * group.get(LR_SCALE, 1.0) * lr / configured
            batch = task.transform(batch.to(runtime.device), state.augment_generator)
            loss, _ = train_step(state, task, runtime, batch.images, batch.targets)
            lrs.append(lr)
            losses.append(loss.item())  # waits for the device, to know when to stop
            if curve.has_diverged or shutdown.agreed():
                break
    finally:
        state.optimizer.zero_grad()
        state.load_state_dict(before)
    return curve


def _batches(task: Task) -> Iterator[Batch]:
    """Yields the batches of the first epoch, again and again."""
    while True:
        task.loader.set_epoch(0)
        yield from task.loader

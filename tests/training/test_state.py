"""An interrupted training, saved, read back by `weights_only` and continued, is the uninterrupted one."""

import signal
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pytest
import torch
from torch import Tensor

from cifar_cli.builders.build_training import Training
from cifar_cli.config.schema import CHOICES
from cifar_cli.errors import StoppedError
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.optim.table import AVERAGES, OPTIMIZERS
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import EpochTotals, TrainingState

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from

SGD = {"momentum": 0.9, "nesterov": True}
CASES = [
    {
        "optimizer": optimizer,
        "optimizer_arguments": SGD if optimizer == "sgd" else {},
        "schedule": schedule,
        "schedule_arguments": CHOICES["schedule"].sections()[schedule]().model_dump(exclude={"name"}),
    }
    # A schedule sees only parameter groups: muon comes with those of two optimizers.
    for optimizer, schedule in [
        *((name, "linear") for name in OPTIMIZERS),
        *(("muon", name) for name in SCHEDULES if name != "linear"),
    ]
]
AVERAGED = [
    {
        "optimizer_arguments": SGD,
        "schedule": "linear",
        "average": name,
        "average_arguments": CHOICES["average"].sections()[name]().model_dump(exclude={"name"}),
    }
    for name in AVERAGES
]
# Ten images: the accuracy seldom rises, and each epoch without a rise halves the learning rate.
PLATEAU = {
    "optimizer_arguments": SGD,
    "schedule": "plateau",
    "schedule_arguments": {"factor": 0.5, "patience": 0, "metric": "val_accuracy"},
    "epochs": 4,
}
LAYER_DECAY = {"optimizer": "muon", "optimizer_arguments": {"layer_decay": 0.5}, "schedule": "linear"}
HARD_EXAMPLES = {"hard_examples": (1, 0.5), "optimizer_arguments": SGD, "schedule": "linear", "epochs": 3}


class Interruption(Observer):
    """Stops a training after a step, and keeps its saved state as bytes."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.request = ShutdownRequest()
        self.saved = BytesIO()
        self.reports: list[EpochReport] = []

    def step_ended(self, state: TrainingState) -> None:
        if state.progress.step == self.step:
            self.request.signal_number = signal.SIGINT

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        self.reports.append(report)

    def training_stopped(self, state: TrainingState) -> None:
        torch.save(state.state_dict(), self.saved)
        self.saved.seek(0)


def metrics(reports: list[EpochReport]) -> list[dict[str, object]]:
    """Returns the contents of the reports, except times."""
    return [
        {key: value for key, value in vars(report).items() if key not in ("seconds", "images_per_second")}
        for report in reports
    ]


def assert_same(left: object, right: object, *, at: str = "") -> None:
    """Asserts that nested states are equal bit for bit, except times."""
    assert type(left) is type(right), at
    if isinstance(left, Tensor):
        assert torch.equal(left, right), at
    elif isinstance(left, Mapping):
        assert left.keys() == right.keys(), at
        for key in left.keys() - {"seconds"}:
            assert_same(left[key], right[key], at=f"{at}.{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), at
        for index, pair in enumerate(zip(left, right, strict=True)):
            assert_same(*pair, at=f"{at}.{index}")
    else:
        assert left == right, at


@pytest.mark.parametrize(
    "case",
    [*CASES, *AVERAGED, PLATEAU, LAYER_DECAY, HARD_EXAMPLES],
    ids=lambda case: "-".join(str(value) for value in case.values()),
)
def test_resumed_run_equals_uninterrupted_run_whatever_step_it_was_interrupted_at(
    tiny_training: Make, recorder: Any, case: dict[str, Any]
) -> None:
    whole = tiny_training(**case)
    fit(whole.state, whole.task, runtime=whole.runtime, observers=[recorder])
    expected = whole.state.state_dict()
    # After each step, a process of its own: what any of them lost would be missing at the end.
    saved: list[BytesIO] = []
    reports: list[list[EpochReport]] = [[]]
    for step in range(1, whole.state.progress.step + 1):
        training, interruption = tiny_training(**case), Interruption(step)
        if saved:
            continue_from(saved[-1], training)
        interrupt(training, interruption)
        saved.append(interruption.saved)
        reports.append(reports[-1] + interruption.reports)
    assert len(saved) >= 8
    for step in (2, len(saved)):  # from the middle of the first epoch, and from the end
        last, continuation = tiny_training(**case), Interruption(step=0)
        continue_from(saved[step - 1], last)
        fit(last.state, last.task, runtime=last.runtime, observers=[continuation])
        assert metrics(reports[step] + continuation.reports) == metrics(recorder.reports)
        # All of it: also the optimizer's state, and the random states of dropout and augmentation.
        assert_same(last.state.state_dict(), expected)


def continue_from(saved: BytesIO, training: Any) -> None:
    """Gives a new training a saved state, as another process does."""
    torch.rand(7)  # random numbers drawn between two processes must not matter
    training.state.model.fc.weight.data.fill_(100.0)
    saved.seek(0)
    training.state.load_state_dict(torch.load(saved, weights_only=True))


def test_the_plateau_of_the_test_above_reduces_the_learning_rate(tiny_training: Make, recorder: Any) -> None:
    # Guards the test above, which would have no state of a plateau to lose if the learning rate stayed.
    training = tiny_training(**PLATEAU)
    fit(training.state, training.task, runtime=training.runtime, observers=[recorder])
    lrs = [report.lr for report in recorder.reports]
    assert lrs[0] == 0.05
    assert lrs[1] >= lrs[2] >= lrs[3]
    assert lrs[3] in (0.025, 0.0125)


def interrupt(training: Training, interruption: Interruption) -> None:
    """Trains until the interruption, which saves the state."""
    with pytest.raises(StoppedError):
        fit(
            training.state,
            training.task,
            runtime=training.runtime,
            observers=[interruption],
            shutdown=interruption.request,
        )


def test_the_weights_of_an_interrupted_training_change_after_it_is_resumed(tiny_training: Make) -> None:
    # Guards the test above, which could not fail if the steps after the interruption had no effect.
    interruption, training = Interruption(5), tiny_training()
    interrupt(training, interruption)
    saved = torch.load(interruption.saved, weights_only=True)["model"]
    fit(training.state, training.task, runtime=training.runtime)
    final = training.state.model.state_dict()
    assert all(not torch.equal(saved[key], final[key]) for key in saved)


def test_another_random_state_of_dropout_gives_other_weights(tiny_training: Make) -> None:
    # Guards the test above: dropout depends on the global random state of the checkpoint.
    interruption, first, second = Interruption(5), tiny_training(), tiny_training()
    interrupt(first, interruption)
    saved = torch.load(interruption.saved, weights_only=True)
    fit(first.state, first.task, runtime=first.runtime)
    saved["random"]["torch"] = torch.Generator().manual_seed(99).get_state()
    second.state.load_state_dict(saved)
    fit(second.state, second.task, runtime=second.runtime)
    assert not torch.equal(first.state.model.fc.weight, second.state.model.fc.weight)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("is_captured", [False, True])
def test_resumed_run_equals_uninterrupted_run_on_cuda(tiny_training: Make, recorder: Any, is_captured: bool) -> None:
    arguments = {"optimizer_arguments": SGD, "schedule": "cosine", "device": "cuda", "is_captured": is_captured}
    whole = tiny_training(**arguments)
    fit(whole.state, whole.task, runtime=whole.runtime, observers=[recorder])
    interruption, first, second = Interruption(5), tiny_training(**arguments), tiny_training(**arguments)
    interrupt(first, interruption)
    second.state.load_state_dict(torch.load(interruption.saved, map_location="cpu", weights_only=True))
    fit(second.state, second.task, runtime=second.runtime)
    assert_same(second.state.model.state_dict(), whole.state.model.state_dict())
    assert second.state.totals.loss.device.type == "cuda"


def test_totals_are_sums_over_images_not_means_of_batches() -> None:
    totals = EpochTotals.zero(torch.device("cpu"))
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    totals.add(loss=torch.tensor(1.0), logits=logits, labels=torch.tensor([0, 0, 0]), seconds=0.5)
    totals.add(loss=torch.tensor(5.0), logits=logits[:1], labels=torch.tensor([0]), seconds=0.75)
    # Three images with a mean loss of 1 and one with 5; three of four are correct.
    assert (totals.mean_loss(), totals.accuracy()) == ((3 * 1.0 + 5.0) / 4, 3 / 4)
    assert (totals.images, totals.batches, totals.seconds) == (4, 2, 0.75)


def test_totals_before_the_first_batch_are_zero() -> None:
    totals = EpochTotals.zero(torch.device("cpu"))
    assert (totals.mean_loss(), totals.accuracy()) == (0.0, 0.0)
    assert totals.loss.dtype == torch.float64

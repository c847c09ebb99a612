"""Times of a forward pass, by a clock that only the operations of the test move."""

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.analysis.network_summary import summarize_network
from cifar_cli.analysis.time_forward import time_forward


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.passes = 0

    def __call__(self) -> float:
        return self.seconds


CLOCK = Clock()


@torch.library.custom_op("cifar_tests::take", mutates_args=())
def take(images: Tensor, seconds: list[float]) -> Tensor:
    """Takes as many seconds on the clock as the list says for this pass."""
    CLOCK.seconds += seconds[min(CLOCK.passes, len(seconds) - 1)]
    return images.clone()


class Takes(nn.Module):
    """A layer that takes that many seconds in the first pass, the second pass, and so on."""

    def __init__(self, *seconds: float, is_last: bool = False) -> None:
        super().__init__()
        self.seconds, self.is_last = list(seconds), is_last

    def forward(self, images: Tensor) -> Tensor:
        output = take(images, self.seconds)
        CLOCK.passes += self.is_last
        return output


@pytest.fixture(autouse=True)
def clock() -> Clock:
    CLOCK.seconds, CLOCK.passes = 0.0, 0
    return CLOCK


IMAGES = torch.zeros(2, 3, 4, 4)


def test_each_step_has_the_median_time_of_its_passes_without_the_first_pass(clock: Clock) -> None:
    model = nn.Sequential(Takes(64, 1, 3, 2), nn.ReLU(), Takes(64, 8, 6, 7, is_last=True))
    steps = time_forward(model, IMAGES, passes=3, seconds=1000.0, clock=clock)
    assert [step.seconds for step in steps] == [2, 0, 7]
    assert clock.passes == 4
    summary = summarize_network(model, steps, batch_size=2, image_shape=(3, 4, 4))
    assert [row.time_share for row in summary.rows] == [2 / 9, 0, 7 / 9]
    assert summary.totals.seconds == 9


@pytest.mark.parametrize(("seconds", "passes"), [(0.5, 1), (2.5, 3), (100.0, 7)])
def test_there_are_as_many_passes_as_fit_into_the_seconds_and_at_least_one(
    clock: Clock, seconds: float, passes: int
) -> None:
    time_forward(nn.Sequential(Takes(1.0, is_last=True)), IMAGES, seconds=seconds, clock=clock)
    assert clock.passes == 1 + passes  # the first pass is not timed

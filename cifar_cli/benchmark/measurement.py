"""What a benchmark measured, and what follows from it by arithmetic. Knows neither clocks nor tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from cifar_cli.benchmark.breakdown import PARTS
from cifar_cli.benchmark.epoch_end import EpochEnd
from cifar_cli.benchmark.matrix_peak import MatrixPeak
from cifar_cli.benchmark.ratios import RatioSummary, ratio, summarize_ratios

OURS, WATCHED, BARE, REFERENCE = "ours", "watched", "bare", "reference"

# Where the true median is less sure, a second measurement may well say something else.
MOST_UNCERTAINTY_OF_SPEEDUP = 0.1  # of its median
MOST_UNCERTAINTY_OF_OVERHEAD = 0.05  # in shares of the bare loop


@dataclass(frozen=True)
class Measurement:
    """The raw figures. Seconds are per step, in each round, unless a name says otherwise.

    step_seconds: by contender, of which `ours`, `watched` (ours with a stopwatch at its parts), `bare` and `reference`
    are there; part_seconds: the watched rounds' parts; first_step_seconds: of a contender's very first step.
    """

    batch_size: int
    images_per_epoch: int
    steps_per_round: int
    step_seconds: Mapping[str, Sequence[float]]
    part_seconds: Sequence[Mapping[str, float]]
    first_step_seconds: Mapping[str, float]
    epoch_end: EpochEnd
    peak_memory_bytes: int | None
    flops_per_step: int
    matrix_peak: MatrixPeak

    @property
    def rounds(self) -> int:
        return len(self.step_seconds[OURS])

    @property
    def steps_per_epoch(self) -> float:
        """In whole batches: the last one of an epoch is smaller, and counts for what it is."""
        return self.images_per_epoch / self.batch_size

    def step(self, contender: str) -> RatioSummary:
        """Returns the seconds that a contender's step takes."""
        return summarize_ratios(self.step_seconds[contender])

    def images_per_second(self, contender: str) -> float:
        """Returns the median round's images per second."""
        return self.batch_size / self.step(contender).median

    def epoch_seconds(self, contender: str) -> float:
        """Returns the median round's seconds for all images once, without what happens at an epoch's end."""
        return self.step(contender).median * self.steps_per_epoch

    @property
    def speedup(self) -> RatioSummary:
        """How many times as fast as the reference ours is, round by round."""
        return ratio(self.step_seconds[REFERENCE], to=self.step_seconds[OURS])

    @property
    def overhead(self) -> RatioSummary:
        """What ours takes beyond the bare loop, as a share of it, logging at the end of an epoch included."""
        per_epoch = zip(self.step_seconds[OURS], self.step_seconds[BARE], strict=True)
        return summarize_ratios(
            [
                (ours * self.steps_per_epoch + self.epoch_end.logging) / (bare * self.steps_per_epoch) - 1
                for ours, bare in per_epoch
            ]
        )

    @property
    def is_speedup_clear(self) -> bool:
        return self.speedup.uncertainty <= MOST_UNCERTAINTY_OF_SPEEDUP * self.speedup.median

    @property
    def is_overhead_clear(self) -> bool:
        return self.overhead.uncertainty <= MOST_UNCERTAINTY_OF_OVERHEAD

    @property
    def parts(self) -> dict[str, float]:
        """The seconds of each part of a step; `rest` is what they are short of the step that nobody watched."""
        medians = {part: median(seconds.get(part, 0.0) for seconds in self.part_seconds) for part in PARTS}
        return {**medians, "rest": self.step(OURS).median - sum(medians.values())}

    @property
    def flops_per_second(self) -> float:
        return self.flops_per_step / self.step(OURS).median

    @property
    def share_of_matrix_peak(self) -> float:
        return self.flops_per_second / self.matrix_peak.flops_per_second

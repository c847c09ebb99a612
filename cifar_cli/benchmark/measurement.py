"""The measured seconds of a benchmark, and the figures that follow from them by arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from cifar_cli.benchmark.breakdown import PARTS
from cifar_cli.benchmark.epoch_end import EpochEnd
from cifar_cli.benchmark.matrix_peak import MatrixPeak
from cifar_cli.benchmark.round_summary import RoundSummary, ratio, summarize_rounds

OURS, WATCHED, BARE, REFERENCE = "ours", "watched", "bare", "reference"

# With a wider confidence interval of the median, a second measurement may lead to another conclusion.
MAX_SPEEDUP_UNCERTAINTY = 0.1  # as a fraction of the median
MAX_OVERHEAD_UNCERTAINTY = 0.05  # as a fraction of the bare loop


@dataclass(frozen=True)
class Measurement:
    """The measured figures. Seconds are per step, in each round, unless a name says otherwise.

    step_seconds: by loop: `ours`, `watched` (ours with a stopwatch), `bare` and `reference`; part_seconds: the parts of
    the watched steps; first_step_seconds: by loop.
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
        """The number of batches; a smaller last batch counts as a fraction."""
        return self.images_per_epoch / self.batch_size

    def step(self, loop: str) -> RoundSummary:
        """Returns the seconds per step of a loop."""
        return summarize_rounds(self.step_seconds[loop])

    def images_per_second(self, loop: str) -> float:
        """Returns the median round's images per second."""
        return self.batch_size / self.step(loop).median

    def epoch_seconds(self, loop: str) -> float:
        """Returns the median round's seconds for all images once, without the end of the epoch."""
        return self.step(loop).median * self.steps_per_epoch

    @property
    def speedup(self) -> RoundSummary:
        """The seconds of the reference as a multiple of ours, round by round."""
        return ratio(self.step_seconds[REFERENCE], to=self.step_seconds[OURS])

    @property
    def overhead(self) -> RoundSummary:
        """The additional time of ours as a fraction of the bare loop, with the logging at the end of an epoch."""
        per_epoch = zip(self.step_seconds[OURS], self.step_seconds[BARE], strict=True)
        return summarize_rounds(
            [
                (ours * self.steps_per_epoch + self.epoch_end.logging) / (bare * self.steps_per_epoch) - 1
                for ours, bare in per_epoch
            ]
        )

    @property
    def is_speedup_clear(self) -> bool:
        return self.speedup.uncertainty <= MAX_SPEEDUP_UNCERTAINTY * self.speedup.median

    @property
    def is_overhead_clear(self) -> bool:
        return self.overhead.uncertainty <= MAX_OVERHEAD_UNCERTAINTY

    @property
    def parts(self) -> dict[str, float]:
        """The median seconds of each part of a step; `rest` is the remaining time of a step without a stopwatch."""
        medians = {part: median(seconds.get(part, 0.0) for seconds in self.part_seconds) for part in PARTS}
        return {**medians, "rest": self.step(OURS).median - sum(medians.values())}

    @property
    def flops_per_second(self) -> float:
        return self.flops_per_step / self.step(OURS).median

    @property
    def share_of_matrix_peak(self) -> float:
        return self.flops_per_second / self.matrix_peak.flops_per_second

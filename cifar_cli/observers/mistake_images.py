"""Writes images of each epoch's worst mistakes on the validation set to TensorBoard."""

from cifar_cli.analysis.worst_mistakes import worst_mistakes
from cifar_cli.data.image_set import ImageSet
from cifar_cli.figures.mistakes_sheet import draw_mistakes
from cifar_cli.observers.event_file import EventFile, capped_interval
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class MistakeImages(Observer):
    """Writes the image `mistakes`: the `count` wrongly classified validation images with the highest losses.

    The logits are those of the epoch's validation. val: the images of that validation, in the same order. In a long run
    some epochs are left out, so that the disk does not fill.
    """

    def __init__(self, events: EventFile, *, val: ImageSet, count: int, epochs: int) -> None:
        self._events = events
        self._val = val
        self._count = count
        self._every = capped_interval(1, epochs=epochs)
        self._latest: Evaluation | None = None

    def validated(self, state: TrainingState, evaluation: Evaluation) -> None:
        self._latest = evaluation

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        latest, self._latest = self._latest, None
        if latest is None or report.epoch % self._every:
            return
        mistakes = worst_mistakes(latest.logits, self._val.labels, count=self._count)
        images = self._val.images[mistakes.indices]
        image = draw_mistakes(mistakes, images, class_names=self._val.class_names, count=self._count)
        with self._events.writing() as writer:
            writer.add_image("mistakes", image, report.step)

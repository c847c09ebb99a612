"""Shows each epoch's worst mistakes on the validation images in TensorBoard."""

from cifar_cli.analysis.worst_mistakes import worst_mistakes
from cifar_cli.data.image_set import ImageSet
from cifar_cli.figures.mistakes_sheet import draw_mistakes
from cifar_cli.observers.event_file import EventFile, capped_interval
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class MistakeImages(Observer):
    """Writes a picture `mistakes` of the `count` wrongly classified validation images with the highest losses.

    The scores are those of the epoch's validation; nothing is computed twice. val: the images of that validation, in
    its order. In a long run some epochs have no picture, so that the disk does not fill.
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
        picture = draw_mistakes(mistakes, images, class_names=self._val.class_names, count=self._count)
        with self._events.writing() as writer:
            writer.add_image("mistakes", picture, report.step)

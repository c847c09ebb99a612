"""Shows each epoch's worst mistakes on the validation images in TensorBoard. Knows nothing of the network."""

from cifar_cli.data.image_set import ImageSet
from cifar_cli.figures.mistakes import draw_mistakes
from cifar_cli.observers.event_file import EventFile, capped_interval
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class MistakeImages(Observer):
    """Writes a picture `mistakes` of the `count` validation images with the highest loss among those misjudged.

    It draws on the scores of the validation that takes place anyway. val: the images of that validation, in its order;
    in a long run not every epoch has its picture, so that the disk does not fill.
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
        picture = draw_mistakes(
            self._val.images, self._val.labels, latest.logits, class_names=self._val.class_names, count=self._count
        )
        with self._events.writing() as writer:
            writer.add_image("mistakes", picture, report.step)

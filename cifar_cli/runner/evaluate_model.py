"""`cifar eval`: evaluates a loaded network on a split of its data."""

from dataclasses import asdict, dataclass
from typing import Any

from cifar_cli import formatting
from cifar_cli.builders.build_training import build_runtime, initialize, with_fast_kernels
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import LoadedModel
from cifar_cli.builders.preflight import check_class_scores
from cifar_cli.builders.run_evaluation import describe_loss, run_evaluation
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import UsageError
from cifar_cli.runner.kernels_of_run import with_kernels_of_run
from cifar_cli.training.classification_metrics import classification_metrics
from cifar_cli.training.evaluation import Evaluation

PLAIN_FIGURES = ("loss", "cross_entropy", "accuracy")  # of each image as it is, beside those with augmentation


@dataclass(frozen=True)
class ModelEvaluation:
    """A network's evaluation on a split.

    experiment: names the dataset that was found, which may be the fallback. precision: that of the evaluation, which
    another device than that of the training may have chosen.
    """

    opened: LoadedModel
    experiment: Experiment
    split: str
    images: ImageSet
    measured: Evaluation
    precision: str

    @property
    def conditions(self) -> str:
        """The loss function, the plain cross-entropy if that is another, and the precision, as one line for people."""
        measured = self.measured
        plain = "" if measured.loss == measured.cross_entropy else f"; plain cross-entropy {measured.cross_entropy:.4f}"
        return f"loss: {describe_loss(self.experiment)}{plain}; computed in {self.precision}"

    def as_dict(self) -> dict[str, Any]:
        """Returns every figure as a JSON value, with the network, the data and the split."""
        opened, data, measured = self.opened, self.experiment.data, self.measured
        scores, plain = classification_metrics(measured.confusion), measured.without_tta
        return {
            "network": opened.source,
            "run": str(opened.run.path),
            "checkpoint": str(opened.checkpoint) if opened.checkpoint else None,
            "epoch": opened.epoch,
            "status": opened.status,
            "dataset": data.name,
            "synthetic": data.is_synthetic,
            "split": self.split,
            "images": measured.images,
            "precision": self.precision,
            "loss_function": self.experiment.loss.model_dump(),
            "loss": measured.loss,
            "cross_entropy": measured.cross_entropy,
            "accuracy": measured.accuracy,
            "tta": self.experiment.evaluation.tta,
            **({"plain": {key: getattr(plain, key) for key in PLAIN_FIGURES}} if plain else {}),
            "per_class": [
                {"class": name, "accuracy": score.recall, **asdict(score)}
                for name, score in zip(self.images.class_names, scores, strict=True)
            ],
            "confusion": measured.confusion.tolist(),
        }


def evaluate_model(opened: LoadedModel, *, split: str, batch_size: int) -> ModelEvaluation:
    """Returns the network's evaluation on `train`, `val` or `test`; first prints which network and which images.

    Raises UsageError for `val` if no images are held out.
    """
    check_class_scores(opened.experiment)
    experiment, splits = load_data(opened.experiment, environment=opened.run.environment)
    images = _choose_split(splits, split)
    runtime = build_runtime(experiment)
    model = opened.model.to(runtime.device)
    if opened.checkpoint is None:
        initialize(model, experiment, splits, runtime)
    subject = f"{split} split of {experiment.data.name}, {formatting.count(len(images), 'image')}"
    note(f"{opened.source}: {experiment.model.label} on the {subject}")
    trained_as = with_kernels_of_run(experiment, runtime, environment=opened.run.environment)
    model = with_fast_kernels(model, trained_as, runtime)  # as in the test at the end of training
    measured = run_evaluation(experiment, model, images, splits=splits, runtime=runtime, batch_size=batch_size)
    return ModelEvaluation(opened, experiment, split, images, measured, runtime.precision)


def _choose_split(splits: Splits, split: str) -> ImageSet:
    images = {"train": splits.train, "val": splits.val, "test": splits.test}[split]
    if images is None:
        raise UsageError("--split val: expected held-out images, found data.val_size 0; write --split test")
    return images

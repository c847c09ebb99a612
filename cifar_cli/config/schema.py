"""What an experiment consists of: every key, its type, its range and its default.

The sections whose `name` chooses their keys come from the tables of the components. A field's description completes
the sentence "expected …" and its example the sentence "write for example …"; most fields have both from their type.
"""

from typing import Annotated, Any, Literal, cast

from pydantic import Field

from cifar_cli.data.datasets.table import DATASETS, DatasetKeys
from cifar_cli.data.transforms.table import AUGMENT, AugmentKeys
from cifar_cli.models.table import MODELS, ModelKeys
from cifar_cli.optim.table import (
    AVERAGES,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    AverageKeys,
    LossKeys,
    OptimizerKeys,
    ScheduleKeys,
)
from cifar_cli.section import (
    ChosenFrom,
    Flag,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
)

MAPPING = "keys with values"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


# --- data ----------------------------------------------------------------------------------------------------------


class DataKeys(DatasetKeys):
    """The images, and how they are cut into batches. The dataset may have keys of its own."""

    root: str | None = Field(
        None, min_length=1, description="a folder, or null for $CIFAR_DATA_DIR, else ./data", examples=["./data"]
    )
    mirrors: tuple[Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")], ...] = Field(
        (),
        description="a list of addresses that begin with http:// or https://",
        examples=[["https://example.org/cifar-10-python.tar.gz"]],
    )
    batch_size: PositiveInt = Field(64, description="a whole number of images, at least 1", examples=[64])
    val_size: NonNegativeInt = Field(5000, description="a whole number of images, 0 or more", examples=[5000])
    normalize: Flag = True
    drop_last: Flag = Field(False, examples=[False])
    # What is learned already teaches little more: later epochs can leave it out.
    hard_example_fractions: tuple[Fraction, ...] = Field(
        (),
        description="a list of fractions of the training images, above 0 and at most 1, one for each epoch, the last "
        "for all after it",
        examples=[[1, 1, 1, 1, 0.65]],
    )
    augment: Annotated[AugmentKeys, AUGMENT] = Field(
        default_factory=lambda: AUGMENT.section()(),
        description="keys with values, or null for none",
        examples=[{"flip": "random", "translate": 4}],
    )
    # Only configs/quickstart.yaml uses it: a first run must not fail for want of a network.
    fallback: Literal["synthetic"] | None = Field(
        None, description="synthetic, or null for none", examples=["synthetic"]
    )


class InitKeys(Section):
    """How weights begin where torch's own way is not wanted; each key is a piece of its own."""

    whiten: str | None = Field(
        None, min_length=1, description="the name of a convolution, or null for none", examples=["whiten"]
    )
    dirac: Flag = False
    unit_std: str | None = Field(
        None, min_length=1, description="the name of a layer, or null for none", examples=["head"]
    )


# --- optimizer -----------------------------------------------------------------------------------------------------


class ParameterGroupKeys(OptimizerKeys):
    """Which parameters a group takes: those that a pattern matches and that no group before has taken."""

    parameters: tuple[str, ...] = Field(
        min_length=1, description="a list of parameter names, in which * stands for anything", examples=[["*.bias"]]
    )
    epochs: PositiveFloat | None = Field(
        None, description="a number of epochs above 0, or null for all of the training", examples=[3]
    )


GROUP = ChosenFrom(OPTIMIZERS, ParameterGroupKeys)


class OptimizerSection(OptimizerKeys):
    """An optimizer, and beside it the parameters that are another optimizer's, or not treated like the rest."""

    groups: tuple[Annotated[ParameterGroupKeys, GROUP], ...] = Field(
        (),
        description="a list of groups, each with its parameters",
        examples=[[{"name": "sgd", "parameters": ["*.bias"], "lr": 0.1}]],
    )


# --- training and evaluation ---------------------------------------------------------------------------------------


class TrainKeys(Section):
    """How long, where, and in which precision."""

    epochs: PositiveInt = Field(10, examples=[10])
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$",
        description="one of auto, cpu, cuda, cuda:N, mps",
        examples=["auto"],
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: Flag = Field(False, examples=[False])
    cuda_graphs: Literal["auto", False] = Field("auto", description="auto or false", examples=["auto"])
    fast_convolutions: Literal["auto", False] = Field(False, description="auto or false", examples=["auto"])
    deterministic: Flag = False
    checkpoint_seconds: NonNegativeFloat = Field(
        60.0, description="a number of seconds, or 0 for at the end of epochs only", examples=[60]
    )
    freeze: tuple[str, ...] = Field(
        (), description="a list of parameter names, in which * stands for anything", examples=[["conv1.*"]]
    )
    clip_grad_norm: PositiveFloat | None = Field(None, description="a number above 0, or null for none", examples=[1.0])


class EvaluationKeys(Section):
    """How images are looked at once a network is trained; during training each is looked at once, as it is."""

    tta: Literal["none", "mirror", "mirror_translate"] = Field("none", examples=["mirror"])
    tta_fraction: Fraction = Field(1.0, description="a fraction of the images, above 0 and at most 1", examples=[0.25])


class LogKeys(Section):
    """What is written down, and where."""

    dir: str = Field("logs", min_length=1, description="a folder", examples=["logs"])
    images_every: NonNegativeInt = Field(1, description="a whole number of epochs, or 0 for never", examples=[1])
    feature_layers: tuple[str, ...] = Field((), description="a list of layer names", examples=[["conv1"]])
    statistics_every: NonNegativeInt = Field(100, description="a whole number of steps, or 0 for never", examples=[100])
    histograms_every: NonNegativeInt = Field(0, description="a whole number of epochs, or 0 for never", examples=[1])
    mistakes: NonNegativeInt = Field(12, description="a whole number of images, or 0 for none", examples=[12])
    embeddings: NonNegativeInt = Field(500, description="a whole number of test images, or 0 for none", examples=[500])


# --- the whole -----------------------------------------------------------------------------------------------------

CHOICES = {
    "data": ChosenFrom(DATASETS, DataKeys),
    "model": ChosenFrom(MODELS),
    "loss": ChosenFrom(LOSSES),
    "optimizer": ChosenFrom(OPTIMIZERS, OptimizerSection),
    "schedule": ChosenFrom(SCHEDULES),
    "average": ChosenFrom(AVERAGES),
}
"""The sections whose `name` decides which keys they have."""

MOVED = {
    "data.hardest": "data.hard_example_fractions",
    "evaluation.views": "evaluation.tta",
    "evaluation.unsure_share": "evaluation.tta_fraction",
    "init.unit_deviation": "init.unit_std",
}
"""Keys of earlier versions, and what they are called now."""


class Experiment(Section):
    """Everything a run depends on."""

    name: str = Field(
        "experiment",
        pattern=NAME_PATTERN,
        description="1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit",
        examples=["experiment"],
    )
    seed: int = Field(0, ge=0, lt=2**63, description="a whole number, 0 or more and below 2**63", examples=[0])
    data: Annotated[DataKeys, CHOICES["data"]] = Field(
        CHOICES["data"].default(), description=MAPPING, examples=[{"name": "cifar10"}]
    )
    model: Annotated[ModelKeys, CHOICES["model"]] = Field(description=MAPPING, examples=[{"name": "cnn"}])
    init: InitKeys = Field(InitKeys(), description=MAPPING, examples=[{"dirac": True}])
    loss: Annotated[LossKeys, CHOICES["loss"]] = Field(
        CHOICES["loss"].default(), description=MAPPING, examples=[{"name": "cross_entropy"}]
    )
    optimizer: Annotated[OptimizerSection, CHOICES["optimizer"]] = Field(
        CHOICES["optimizer"].default(), description=MAPPING, examples=[{"name": "sgd", "lr": 0.01}]
    )
    schedule: Annotated[ScheduleKeys, CHOICES["schedule"]] = Field(
        CHOICES["schedule"].default(), description=MAPPING, examples=[{"name": "cosine"}]
    )
    average: Annotated[AverageKeys, CHOICES["average"]] = Field(
        CHOICES["average"].default(), description=MAPPING, examples=[{"name": "ema"}]
    )
    train: TrainKeys = Field(TrainKeys(), description=MAPPING, examples=[{"epochs": 10}])
    evaluation: EvaluationKeys = Field(EvaluationKeys(), description=MAPPING, examples=[{"tta": "mirror"}])
    log: LogKeys = Field(LogKeys(), description=MAPPING, examples=[{"dir": "logs"}])


def on_dataset(data: DataKeys, name: str, **changes: Any) -> DataKeys:
    """Returns the section on another dataset, with the keys that all datasets have, some of them changed."""
    common = {key: value for key, value in data if key in DataKeys.model_fields}
    section: Any = CHOICES["data"].keys_of(name)
    return cast(DataKeys, section(**{**common, **changes, "name": name}))


def with_shared_settings(optimizer: OptimizerSection) -> OptimizerSection:
    """Returns the section with its own settings in every group of the same optimizer that says nothing else."""
    own = {key: value for key, value in optimizer if key != "groups"}
    groups = tuple(
        group.model_copy(update={key: value for key, value in own.items() if key not in group.model_fields_set})
        if group.name == optimizer.name
        else group
        for group in optimizer.groups
    )
    return optimizer.model_copy(update={"groups": groups})

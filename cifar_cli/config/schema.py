"""What an experiment consists of: its sections, and the tables that sections with a `name` are chosen from."""

from typing import Annotated, Any, cast

from pydantic import Field

from cifar_cli.config.sections import (
    DataKeys,
    EvaluationKeys,
    InitKeys,
    LogKeys,
    OptimizerSection,
)
from cifar_cli.config.train_section import TrainKeys
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.models.table import MODELS, ModelKeys
from cifar_cli.optim.schedules.table import SCHEDULES, ScheduleKeys
from cifar_cli.optim.table import AVERAGES, LOSSES, OPTIMIZERS, SHARPNESS, AverageKeys, LossKeys, SharpnessKeys
from cifar_cli.section import ChosenFrom, Section

MAPPING = "keys with values"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

# --- the whole -----------------------------------------------------------------------------------------------------

CHOICES = {
    "data": ChosenFrom(DATASETS, DataKeys),
    "model": ChosenFrom(MODELS),
    "loss": ChosenFrom(LOSSES),
    "optimizer": ChosenFrom(OPTIMIZERS, OptimizerSection),
    "schedule": ChosenFrom(SCHEDULES),
    "average": ChosenFrom(AVERAGES),
    "sharpness": ChosenFrom(SHARPNESS),
}
"""The sections whose `name` decides which keys they have."""

RENAMED_KEYS = {
    "data.hardest": "data.hard_example_fractions",
    "evaluation.views": "evaluation.tta",
    "evaluation.unsure_share": "evaluation.tta_fraction",
    "init.unit_deviation": "init.unit_std",
}
"""Former keys and their new names."""


class Experiment(Section):
    """Everything a run depends on."""

    name: str = Field(
        "experiment",
        title="the run folder's name begins with it",
        pattern=NAME_PATTERN,
        description="1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit",
        examples=["experiment"],
    )
    seed: int = Field(
        0,
        title="the random seed of the weights, the order of the images, augmentation and dropout",
        ge=0,
        lt=2**63,
        description="a whole number, 0 or more and below 2**63",
        examples=[0],
    )
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
    sharpness: Annotated[SharpnessKeys, CHOICES["sharpness"]] = Field(
        CHOICES["sharpness"].default(), description=MAPPING, examples=[{"name": "sam"}]
    )
    train: TrainKeys = Field(TrainKeys(), description=MAPPING, examples=[{"epochs": 10}])
    evaluation: EvaluationKeys = Field(EvaluationKeys(), description=MAPPING, examples=[{"tta": "mirror"}])
    log: LogKeys = Field(LogKeys(), description=MAPPING, examples=[{"dir": "logs"}])


def on_dataset(data: DataKeys, name: str, **changes: Any) -> DataKeys:
    """Returns the section on another dataset, with the keys that all datasets have, some of them changed."""
    common = {key: value for key, value in data if key in DataKeys.model_fields}
    section: Any = CHOICES["data"].keys_of(name)
    return cast(DataKeys, section(**{**common, **changes, "name": name}))


def with_inherited_settings(optimizer: OptimizerSection) -> OptimizerSection:
    """Returns the section with its settings copied into groups of the same optimizer that do not set them."""
    own = {key: value for key, value in optimizer if key not in ("groups", "layer_decay")}
    groups = tuple(
        group.model_copy(update={key: value for key, value in own.items() if key not in group.model_fields_set})
        if group.name == optimizer.name
        else group
        for group in optimizer.groups
    )
    return optimizer.model_copy(update={"groups": groups})

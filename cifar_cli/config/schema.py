"""What an experiment consists of: every key, its type, its range and its default. Knows nothing of files or YAML.

A field's description completes the sentence "expected …" and its example the sentence "write for example …".
"""

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, InstanceOf

from cifar_cli.config.averages import Average, NoAverageKeys
from cifar_cli.config.layers.table import Layer
from cifar_cli.config.optimization import (
    ConstantKeys,
    CosineKeys,
    CrossEntropyKeys,
    LinearKeys,
    OneCycleKeys,
    StepKeys,
    TriangleKeys,
)
from cifar_cli.config.optimizers import Group, Optimizer, Sgd
from cifar_cli.section import BelowOne, Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Section

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


# --- data ----------------------------------------------------------------------------------------------------------


class AugmentKeys(Section):
    """Random changes to the training images; everything is off by default."""

    flip: Literal["random", "alternating"] | None = Field(
        None, description="one of random, alternating, or null for none", examples=["random"]
    )
    translate: NonNegativeInt = Field(0, description="a whole number of pixels, 0 or more", examples=[4])
    cutout: NonNegativeInt = Field(0, description="the side of a square in pixels, 0 or more", examples=[8])
    # Small pictures cost less: the first epochs can learn from them what is coarse.
    sizes: tuple[PositiveInt, ...] = Field(
        (),
        description="a list of sides in pixels, one for each epoch, the last for all after it",
        examples=[[24, 24, 32]],
    )


class DataKeys(Section):
    """The images, and how they are cut into batches."""

    name: Literal["cifar10", "cifar100", "fashion_mnist", "synthetic"] = Field(
        "cifar10", description="one of cifar10, cifar100, fashion_mnist, synthetic", examples=["cifar10"]
    )
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
    normalize: bool = Field(True, description="true or false", examples=[True])
    drop_last: bool = Field(False, description="true or false", examples=[False])
    # What is learned already teaches little more: later epochs can leave it out.
    hard_example_fractions: tuple[Fraction, ...] = Field(
        (),
        description="a list of shares of the training images, above 0 and at most 1, one for each epoch, the last for "
        "all after it",
        examples=[[1, 1, 1, 1, 0.65]],
    )
    augment: AugmentKeys = Field(
        AugmentKeys(), description="keys with values, or null for none", examples=[{"flip": "random", "translate": 4}]
    )
    # Only configs/quickstart.yaml uses it: a first run must not fail for want of a network.
    fallback: Literal["synthetic"] | None = Field(
        None, description="synthetic, or null for none", examples=["synthetic"]
    )


# --- model ---------------------------------------------------------------------------------------------------------


def _as_tuple(value: object) -> object:
    """Lets `hidden: 256` stand for `hidden: [256]`."""
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


class SequentialKeys(Section):
    """One layer after the other, as the file lists them."""

    name: Literal["sequential"] = "sequential"
    layers: tuple[InstanceOf[Layer], ...] = Field(
        min_length=1,
        description="a list of layers, at least one",
        examples=[[{"flatten": "Flatten"}, {"fc": {"type": "Linear", "out_features": 10}}]],
    )


class MlpKeys(Section):
    """Linear layers with ReLU between them."""

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[PositiveInt, ...], BeforeValidator(_as_tuple)] = Field(
        (256,), description="the widths of the hidden layers, each a whole number, at least 1", examples=[[256]]
    )


class CnnKeys(Section):
    """Blocks of convolution, BatchNorm and ReLU."""

    name: Literal["cnn"] = "cnn"
    widths: tuple[PositiveInt, ...] = Field(
        (64, 128, 256),
        min_length=1,
        description="the channels of the blocks, at least one, each a whole number, at least 1",
        examples=[[64, 128, 256]],
    )
    dropout: BelowOne = Field(0.0, description="a number from 0 to below 1", examples=[0.1])


class SpeedNetKeys(Section):
    """A whitening layer and groups of 3×3 convolutions, as the fastest trainings have them."""

    name: Literal["speednet"] = "speednet"
    widths: tuple[PositiveInt, ...] = Field(
        (64, 256, 256),
        min_length=1,
        max_length=3,
        description="the channels of one to three groups, each a whole number, at least 1",
        examples=[[64, 256, 256]],
    )
    depth: Literal[2, 3] = Field(2, description="2 or 3 convolutions in each group", examples=[2])
    activation: Literal["gelu", "silu", "relu"] = Field(
        "gelu", description="one of gelu, silu, relu", examples=["gelu"]
    )
    logit_scale: PositiveFloat = Field(1 / 9, description="a number above 0", examples=[0.1])


class InitKeys(Section):
    """How weights begin where torch's own way is not wanted; each key is a piece of its own."""

    whiten: str | None = Field(
        None, min_length=1, description="the name of a convolution, or null for none", examples=["whiten"]
    )
    dirac: bool = Field(False, description="true or false", examples=[True])
    unit_std: str | None = Field(
        None, min_length=1, description="the name of a layer, or null for none", examples=["head"]
    )


# --- evaluation ----------------------------------------------------------------------------------------------------


class EvaluationKeys(Section):
    """How images are looked at once a network is trained; during training each is looked at once, as it is."""

    tta: Literal["none", "mirror", "mirror_translate"] = Field(
        "none", description="one of none, mirror, mirror_translate", examples=["mirror"]
    )
    tta_fraction: Fraction = Field(1.0, description="a share of the images, above 0 and at most 1", examples=[0.25])


# --- training ------------------------------------------------------------------------------------------------------


class TrainKeys(Section):
    """How long, where, and in which precision."""

    epochs: PositiveInt = Field(10, description="a whole number, at least 1", examples=[10])
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$",
        description="one of auto, cpu, cuda, cuda:N, mps",
        examples=["auto"],
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="one of auto, fp32, bf16, fp16", examples=["auto"]
    )
    compile: bool = Field(False, description="true or false", examples=[False])
    cuda_graphs: Literal["auto", False] = Field("auto", description="auto or false", examples=["auto"])
    fast_convolutions: Literal["auto", False] = Field(False, description="auto or false", examples=["auto"])
    deterministic: bool = Field(False, description="true or false", examples=[True])
    checkpoint_seconds: NonNegativeFloat = Field(
        60.0, description="a number of seconds, or 0 for at the end of epochs only", examples=[60]
    )
    freeze: tuple[str, ...] = Field(
        (), description="a list of parameter names, in which * stands for anything", examples=[["conv1.*"]]
    )
    clip_grad_norm: PositiveFloat | None = Field(None, description="a number above 0, or null for none", examples=[1.0])


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

# What a section can be; its `name` chooses, and the first is the default. A new kind is a class and a word here.
Model = SequentialKeys | MlpKeys | CnnKeys | SpeedNetKeys
Schedule = ConstantKeys | StepKeys | CosineKeys | LinearKeys | OneCycleKeys | TriangleKeys


class Experiment(Section):
    """Everything a run depends on."""

    name: str = Field(
        "experiment",
        pattern=NAME_PATTERN,
        description="1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit",
        examples=["experiment"],
    )
    seed: int = Field(0, ge=0, lt=2**63, description="a whole number, 0 or more and below 2**63", examples=[0])
    data: DataKeys = Field(DataKeys(), description="keys with values", examples=[{"name": "cifar10"}])
    model: Model = Field(discriminator="name", description="keys with values", examples=[{"name": "cnn"}])
    init: InitKeys = Field(InitKeys(), description="keys with values", examples=[{"dirac": True}])
    loss: CrossEntropyKeys = Field(
        CrossEntropyKeys(), description="keys with values", examples=[{"name": "cross_entropy"}]
    )
    optimizer: Optimizer = Field(
        Sgd(), discriminator="name", description="keys with values", examples=[{"name": "sgd", "lr": 0.01}]
    )
    schedule: Schedule = Field(
        ConstantKeys(), discriminator="name", description="keys with values", examples=[{"name": "cosine"}]
    )
    average: Average = Field(
        NoAverageKeys(), discriminator="name", description="keys with values", examples=[{"name": "ema"}]
    )
    train: TrainKeys = Field(TrainKeys(), description="keys with values", examples=[{"epochs": 10}])
    evaluation: EvaluationKeys = Field(EvaluationKeys(), description="keys with values", examples=[{"tta": "mirror"}])
    log: LogKeys = Field(LogKeys(), description="keys with values", examples=[{"dir": "logs"}])


Kinds: TypeAlias = dict[str, type[Section]]


def _kinds(union: Any) -> Kinds:
    """Returns the sections of a union by the name that chooses each; the first is the default."""
    return {section.model_fields["name"].default: section for section in get_args(union)}


KINDS: dict[str, Kinds] = {
    "model": _kinds(Model),
    "optimizer": _kinds(Optimizer),
    "schedule": _kinds(Schedule),
    "average": _kinds(Average),
}
"""The sections whose `name` decides which keys they have."""

GROUP_KINDS: Kinds = _kinds(Group)
"""What an item of optimizer.groups can be."""

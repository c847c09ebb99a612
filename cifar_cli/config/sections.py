"""The sections of an experiment: their keys, with the type, range, default and meaning of each.

A field's title says what the key does. Its description completes the sentence "expected …" and its example the
sentence "write for example …"; most fields have both from their type.
"""

from typing import Annotated, Literal

from pydantic import Field

from cifar_cli.data.datasets.table import DatasetKeys
from cifar_cli.data.transforms.table import AUGMENT, AugmentKeys
from cifar_cli.optim.table import OPTIMIZERS, OptimizerKeys
from cifar_cli.section import (
    ChosenFrom,
    Flag,
    Fraction,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
)

# --- data ----------------------------------------------------------------------------------------------------------


class DataKeys(DatasetKeys):
    """The images, and how they are cut into batches. The dataset may have keys of its own."""

    root: str | None = Field(
        None,
        title="a folder in torchvision's layout, or of your own images",
        min_length=1,
        description="a folder, or null for $CIFAR_DATA_DIR, else ./data",
        examples=["./data"],
    )
    mirrors: tuple[Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")], ...] = Field(
        (),
        title="addresses to download from first; $CIFAR_MIRROR is another way to name one",
        description="a list of addresses that begin with http:// or https://",
        examples=[["https://example.org/cifar-10-python.tar.gz"]],
    )
    batch_size: PositiveInt = Field(
        64,
        title="images in a step, of all processes together",
        description="a whole number of images, at least 1",
        examples=[64],
    )
    val_size: NonNegativeInt = Field(
        5000,
        title="images held out of the training set, always the same; with 0 no epoch is chosen",
        description="a whole number of images, 0 or more",
        examples=[5000],
    )
    normalize: Flag = Field(True, title="mean 0 and standard deviation 1 in each channel; false: pixels in [0, 1]")
    drop_last: Flag = Field(
        False, title="true: leave out the last batch of an epoch if it is smaller than the others", examples=[False]
    )
    # Images that the network already classifies well contribute little: later epochs can skip them.
    hard_example_fractions: tuple[Fraction, ...] = Field(
        (),
        title="the fraction of the training images in each epoch: those with the largest loss when they were last "
        "seen; [] for all images in every epoch",
        description="a list of fractions of the training images, above 0 and at most 1, one for each epoch, the last "
        "for all after it",
        examples=[[1, 1, 1, 1, 0.65]],
    )
    augment: Annotated[AugmentKeys, AUGMENT] = Field(
        title="changes to the training images",
        default_factory=lambda: AUGMENT.section()(),
        description="keys with values, or null for none",
        examples=[{"flip": "random", "translate": 4}],
    )
    # Only configs/quickstart.yaml uses it: a first run must not fail for want of a network.
    fallback: Literal["synthetic"] | None = Field(
        None,
        title="train on synthetic images if the real ones cannot be had",
        description="synthetic, or null for none",
        examples=["synthetic"],
    )


class InitKeys(Section):
    """Initial weights where torch's defaults are not wanted; each key can be used alone."""

    whiten: str | None = Field(
        None,
        title="a convolution whose filters decorrelate the images' patches at first",
        min_length=1,
        description="the name of a convolution, or null for none",
        examples=["whiten"],
    )
    dirac: Flag = Field(False, title="true: convolutions start as the identity")
    unit_std: str | None = Field(
        None,
        title="a layer whose weights start with a standard deviation of 1",
        min_length=1,
        description="the name of a layer, or null for none",
        examples=["head"],
    )


# --- optimizer -----------------------------------------------------------------------------------------------------


class ParameterGroupKeys(OptimizerKeys):
    """Which parameters a group takes: those that a pattern matches and that no group before has taken."""

    parameters: tuple[str, ...] = Field(
        title="the names of the parameters in the group",
        min_length=1,
        description="a list of parameter names, in which * stands for anything",
        examples=[["*.bias"]],
    )
    epochs: PositiveFloat | None = Field(
        None,
        title="how long the group is trained, with a schedule of that length",
        description="a number of epochs above 0, or null for all of the training",
        examples=[3],
    )


GROUP = ChosenFrom(OPTIMIZERS, ParameterGroupKeys)


class OptimizerSection(OptimizerKeys):
    """An optimizer, and beside it the parameters that are another optimizer's, or not treated like the rest."""

    layer_decay: Fraction = Field(
        1.0,
        title="the learning rate of a layer as a fraction of that of the layer after it; 1 for the same everywhere",
        examples=[0.75],
    )
    groups: tuple[Annotated[ParameterGroupKeys, GROUP], ...] = Field(
        (),
        title="other settings or another optimizer for some of the parameters",
        description="a list of groups, each with its parameters",
        examples=[[{"name": "sgd", "parameters": ["*.bias"], "lr": 0.1}]],
    )


# --- evaluation and records -----------------------------------------------------------------------------------------


class EvaluationKeys(Section):
    """How images are looked at once a network is trained; during training each is looked at once, as it is."""

    tta: Literal["none", "mirror", "mirror_translate"] = Field(
        "none",
        title="test-time augmentation after training: the mean of the logits over several views of an image",
        examples=["mirror"],
    )
    tta_fraction: Fraction = Field(
        1.0,
        title="the fraction of the images that get it: those with the least probable prediction",
        description="a fraction of the images, above 0 and at most 1",
        examples=[0.25],
    )


class LogKeys(Section):
    """What is written down, and where."""

    dir: str = Field(
        "logs", title="the folder of the run folders", min_length=1, description="a folder", examples=["logs"]
    )
    images_every: NonNegativeInt = Field(
        1,
        title="epochs between two pictures of feature_layers, 100 pictures at most",
        description="a whole number of epochs, or 0 for never",
        examples=[1],
    )
    feature_layers: tuple[str, ...] = Field(
        (),
        title="the layers whose feature maps and filters are recorded and written to TensorBoard",
        description="a list of layer names",
        examples=[["conv1"]],
    )
    statistics_every: NonNegativeInt = Field(
        100,
        title="steps between two points of the curves of activations, gradients, updates",
        description="a whole number of steps, or 0 for never",
        examples=[100],
    )
    histograms_every: NonNegativeInt = Field(
        0,
        title="epochs between two histograms of weights, gradients and activations",
        description="a whole number of epochs, or 0 for never",
        examples=[1],
    )
    mistakes: NonNegativeInt = Field(
        12,
        title="the worst mistakes on the validation images in each epoch, as a picture",
        description="a whole number of images, or 0 for none",
        examples=[12],
    )
    embeddings: NonNegativeInt = Field(
        500,
        title="test images in TensorBoard's projector, written once after training",
        description="a whole number of test images, or 0 for none",
        examples=[500],
    )

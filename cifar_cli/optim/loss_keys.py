"""The keys of the losses. Where their code is: losses.py."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from cifar_cli.section import BelowOne, Entry, NonNegativeFloat


def _one_error(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Reports a value that is neither of a union's types once, instead of once for each."""
    try:
        return handler(value)
    except ValidationError:
        raise PydanticCustomError("class_weights", "neither") from None


class LossKeys(Entry):
    """The keys of every loss, and facts for the checks."""

    takes_softmax: ClassVar[bool] = False
    """Whether the loss takes the softmax of the logits itself, so that the network must not end with one."""

    label_smoothing: BelowOne = Field(
        0.0, title="the fraction of the target that is spread evenly over all classes", examples=[0.1]
    )
    class_weights: Annotated[Literal["balanced"] | tuple[NonNegativeFloat, ...] | None, WrapValidator(_one_error)] = (
        Field(
            None,
            title="the factor of each class's loss; balanced: N / (K · its number of training images)",
            description="balanced, a list with a number, 0 or more, for each class, or null for none",
            examples=["balanced"],
        )
    )


class CrossEntropyKeys(LossKeys):
    """−log softmax of the true class's logit."""

    target: ClassVar[str] = "cifar_cli.optim.losses:CrossEntropy"
    takes_softmax: ClassVar[bool] = True

    name: Literal["cross_entropy"] = "cross_entropy"


class FocalKeys(LossKeys):
    """The cross-entropy with a factor (1 − p)^gamma, where p is the true class's probability."""

    target: ClassVar[str] = "cifar_cli.optim.losses:Focal"
    takes_softmax: ClassVar[bool] = True

    name: Literal["focal"] = "focal"
    gamma: NonNegativeFloat = Field(
        2.0, title="how much less easy images count; with 0 it is the cross-entropy", examples=[2.0]
    )

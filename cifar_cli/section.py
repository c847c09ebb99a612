"""What every section of a configuration is built from: strict, closed, unchanging. Knows no key."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

INT_LIMIT = 2**31  # a larger size is a slip of the finger, and torch would stumble over it much later

PositiveInt = Annotated[int, Field(ge=1, lt=INT_LIMIT)]
NonNegativeInt = Annotated[int, Field(ge=0, lt=INT_LIMIT)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
UnitInterval = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A mapping whose keys are all known, whose values are taken as they are, and which does not change any more."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

"""Base classes and value types of configuration sections, and of the entries of the component tables.

A value type knows how it is expected and an example, which complete an error message: "expected a whole number, at
least 1, found 0; write for example 64". A key has words of its own only where it means more.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

INT_LIMIT = 2**31  # a larger size is a slip of the finger, and torch would stumble over it much later

Flag = Annotated[bool, Field(description="true or false", examples=[True])]
PositiveInt = Annotated[int, Field(ge=1, lt=INT_LIMIT, description="a whole number, at least 1", examples=[64])]
NonNegativeInt = Annotated[int, Field(ge=0, lt=INT_LIMIT, description="a whole number, 0 or more", examples=[4])]
PositiveFloat = Annotated[float, Field(gt=0, description="a number above 0", examples=[0.01])]
NonNegativeFloat = Annotated[float, Field(ge=0, description="a number, 0 or more", examples=[5.0e-4])]
UnitInterval = Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1", examples=[0.01])]
BelowOne = Annotated[float, Field(ge=0, lt=1, description="a number from 0 to below 1", examples=[0.9])]
Fraction = Annotated[float, Field(gt=0, le=1, description="a number above 0, at most 1", examples=[0.1])]


class Section(BaseModel):
    """A mapping whose keys are all known, whose values are taken as they are, and which does not change any more."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Entry(Section):
    """The keys of one component, with its name and with the place of its code.

    A table of entries imports no torch: the code is imported when it is built.
    """

    target: ClassVar[str]
    """`module:attribute` of what is called with the keys as arguments."""

    example: ClassVar[Mapping[str, Any]] = {}
    """Keys of a small instance, for those without a default and for what would be slow."""

    parts: ClassVar[tuple[type["Entry"], ...]] = ()
    """The two sections that `combined` merged; empty for others."""

    name: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The keys but for the name, as arguments of `target`."""
        return {key: value for key, value in self if key != "name"}


EntryType = TypeVar("EntryType", bound=Entry)


def table(*entries: type[EntryType]) -> dict[str, type[EntryType]]:
    """Returns entries by name; the first is the default."""
    return {entry.model_fields["name"].default: entry for entry in entries}


def load_target(target: str) -> Any:
    """Returns what a target such as `cifar_cli.models.cnn:CNN` names."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def call_with_accepted(
    function: Callable[..., Any], arguments: Sequence[Any], available: Mapping[str, Any], **keywords: Any
) -> Any:
    """Calls a function. Of `available`, it gets only the arguments that its signature names."""
    parameters = inspect.signature(function).parameters
    accepted = {key: value for key, value in available.items() if key in parameters}
    return function(*arguments, **accepted, **keywords)


# --- sections whose name chooses their keys ------------------------------------------------------------------------


@dataclass(frozen=True)
class ChosenFrom:
    """The annotation of a section that is an entry of a table, as its `name` says, with the keys of `common` besides.

    The table is read at each validation, so that a new entry needs no change to the schema.
    """

    table: Mapping[str, type[Entry]]
    common: type[Entry] | None = None

    def keys_of(self, name: str) -> type[Entry]:
        """Returns the section that a name chooses. Raises KeyError for an unknown one."""
        entry = self.table[name]
        return entry if self.common is None else combined(entry, self.common)

    def default(self) -> Any:
        """Returns the table's first entry with its defaults."""
        return self.keys_of(next(iter(self.table)))()  # type: ignore[call-arg]  # an entry's name has a default

    def sections(self) -> dict[str, type[Entry]]:
        """Returns all sections that can be chosen, by name."""
        return {name: self.keys_of(name) for name in self.table}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, value: object) -> Section:
        if isinstance(value, Section):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError("dict_type", "no mapping")
        name = value.get("name")
        if not isinstance(name, str) or name not in self.table:
            raise PydanticCustomError("unknown_name", "no such name")
        return self.keys_of(name).model_validate(value)  # pydantic adds the location to the errors within


@cache
def combined(entry: type[Entry], common: type[Entry]) -> type[Entry]:
    """Returns a section with the keys of both; of a key that both have, the entry's default."""
    namespace = {"__doc__": entry.__doc__, "__module__": entry.__module__, "__reduce__": _reduced}
    section: type[Entry] = type(entry.__name__, (entry, common), namespace | {"parts": (entry, common)})
    return section


def _reduced(self: Entry) -> tuple[Any, ...]:  # pickle finds no class that was made here
    return _restored, (*type(self).parts, dict(self), self.model_fields_set)


def _restored(entry: type[Entry], common: type[Entry], values: dict[str, Any], given: Iterable[str]) -> Entry:
    return combined(entry, common).model_construct(_fields_set=set(given), **values)

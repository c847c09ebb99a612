"""Sections whose `name` chooses their keys: validation, errors with locations, pickling; tables and targets."""

import math
import pickle
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field, ValidationError

from cifar_cli.config.schema import CHOICES
from cifar_cli.config.sections import GROUP
from cifar_cli.section import (
    ChosenFrom,
    Entry,
    PositiveInt,
    Section,
    UnitInterval,
    call_with_accepted,
    combined,
    load_target,
    table,
)


class CircleKeys(Entry):
    """A circle."""

    target: ClassVar[str] = "math:hypot"
    name: Literal["circle"] = "circle"
    radius: PositiveInt = 3


class SquareKeys(Entry):
    """A square."""

    target: ClassVar[str] = "math:prod"
    name: Literal["square"] = "square"
    sides: tuple[PositiveInt, ...] = (2, 2)
    shade: UnitInterval = 0.75


class PaintKeys(Entry):
    """The keys of every shape."""

    name: str = "none"
    shade: UnitInterval = 0.25


SHAPES = table(CircleKeys, SquareKeys)
PAINTED = ChosenFrom(SHAPES, PaintKeys)


class Drawing(Section):
    shape: Annotated[Entry, ChosenFrom(SHAPES)] = Field(ChosenFrom(SHAPES).default())
    layers: tuple[Annotated[Entry, PAINTED], ...] = ()


def errors_of(**values: object) -> list[tuple[tuple[str | int, ...], str]]:
    """Returns the location and the type of each of pydantic's errors."""
    with pytest.raises(ValidationError) as caught:
        Drawing.model_validate(values)
    return [(error["loc"], error["type"]) for error in caught.value.errors()]


def test_a_table_has_its_entries_by_name_in_order() -> None:
    assert list(SHAPES.items()) == [("circle", CircleKeys), ("square", SquareKeys)]


def test_the_first_entry_of_the_table_is_the_default() -> None:
    assert Drawing().shape == CircleKeys(radius=3)
    assert PAINTED.default() == PAINTED.keys_of("circle")(radius=3, shade=0.25)


def test_the_name_chooses_the_entry() -> None:
    drawing = Drawing.model_validate({"shape": {"name": "square", "sides": (5,)}})
    assert drawing.shape == SquareKeys(sides=(5,))
    assert drawing.shape.arguments == {"sides": (5,), "shade": 0.75}


def test_a_built_section_is_accepted_as_it_is() -> None:
    square = SquareKeys()
    assert Drawing(shape=square).shape is square


def test_errors_in_a_chosen_section_have_the_location_from_the_top() -> None:
    assert errors_of(shape={"name": "square", "sides": (1, 0), "radius": 1}) == [
        (("shape", "sides", 1), "greater_than_equal"),
        (("shape", "radius"), "extra_forbidden"),
    ]
    layers = ({"name": "circle"}, {"name": "square", "shade": 2.0})
    assert errors_of(layers=layers) == [(("layers", 1, "shade"), "less_than_equal")]


@pytest.mark.parametrize("value", [{}, {"name": None}, {"name": "hexagon"}, {"name": ["circle"]}], ids=str)
def test_an_unknown_name_is_an_error_of_the_section(value: object) -> None:
    assert errors_of(shape=value) == [(("shape",), "unknown_name")]


@pytest.mark.parametrize("value", [3, "circle", None, []], ids=str)
def test_a_value_that_is_no_mapping_is_an_error_of_the_section(value: object) -> None:
    assert errors_of(shape=value) == [(("shape",), "dict_type")]


def test_an_entry_added_to_the_table_later_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    class HexagonKeys(Entry):
        target: ClassVar[str] = "math:pi"
        name: Literal["hexagon"] = "hexagon"

    monkeypatch.setitem(SHAPES, "hexagon", HexagonKeys)
    assert Drawing.model_validate({"shape": {"name": "hexagon"}}).shape == HexagonKeys()
    assert PAINTED.sections().keys() == {"circle", "square", "hexagon"}


def test_a_combined_section_has_the_keys_of_both_and_the_entrys_defaults() -> None:
    circle, square = combined(CircleKeys, PaintKeys), combined(SquareKeys, PaintKeys)
    assert dict(circle()) == {"name": "circle", "radius": 3, "shade": 0.25}
    assert dict(square()) == {"name": "square", "sides": (2, 2), "shade": 0.75}
    assert (circle.target, circle.parts, circle.__doc__) == ("math:hypot", (CircleKeys, PaintKeys), "A circle.")
    assert combined(CircleKeys, PaintKeys) is circle


@pytest.mark.parametrize("choice", [PAINTED, *CHOICES.values(), GROUP], ids=lambda choice: next(iter(choice.table)))
def test_a_chosen_section_is_equal_after_pickling(choice: ChosenFrom) -> None:
    for name, section in choice.sections().items():
        required = {key: () for key, field in section.model_fields.items() if field.is_required()}
        keys = section.model_construct(name=name, **required)
        again = pickle.loads(pickle.dumps(keys))
        assert again == keys
        assert type(again) is type(keys)
        assert again.model_fields_set == keys.model_fields_set


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CircleKeys().radius = 4  # type: ignore[misc]


def test_values_are_not_converted_and_must_be_finite() -> None:
    for shade in ("0.5", True, math.nan, math.inf):
        with pytest.raises(ValidationError):
            SquareKeys.model_validate({"shade": shade})
    assert SquareKeys.model_validate({"shade": 1}).shade == 1.0


def test_a_target_is_imported_by_module_and_attribute() -> None:
    assert load_target("math:hypot") is math.hypot
    with pytest.raises(ModuleNotFoundError):
        load_target("no_such_module:name")
    with pytest.raises(AttributeError):
        load_target("math:no_such_name")


def test_a_function_is_called_with_what_its_signature_names() -> None:
    def area(width: int, *, height: int, scale: int = 1) -> tuple[int, int, int]:
        return width, height, scale

    available = {"height": 5, "depth": 7}
    assert call_with_accepted(area, (3,), available) == (3, 5, 1)
    assert call_with_accepted(area, (3,), available, scale=2) == (3, 5, 2)
    assert call_with_accepted(SquareKeys, (), {"shade": 0.5, "depth": 7}) == SquareKeys(shade=0.5)

"""The values that messages show: text in quotes, and long values cut."""

import pytest

from cifar_cli.config.messages import format_value, found


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (3, "3"),
        ("3", "'3'"),
        (True, "true"),
        ((1, 2), "[1, 2]"),
        ("x" * 60, f"'{'x' * 60}'"),
        ("x" * 61, f"'{'x' * 59}…'"),
    ],
)
def test_a_found_value_is_shown_in_yaml_and_text_in_quotes(value: object, shown: str) -> None:
    assert found(value) == shown


def test_a_long_value_is_cut_at_sixty_characters() -> None:
    twenty = tuple([1] * 20)
    assert format_value(twenty) == f"[{', '.join(['1'] * 20)}]"  # exactly 60 characters
    assert format_value((*twenty, 1)) == f"[{', '.join(['1'] * 20)}…"

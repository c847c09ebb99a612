"""The limits of the parser, each at its last accepted and its first refused value, and the places of its errors."""

import pytest

from cifar_cli.config.yaml.parser import MAX_DEPTH, MAX_NODES, Node, UnreadableError, control_character_in, parse


def accepted(text: str) -> Node:
    node, issues = parse(text, "x.yaml")
    assert node is not None
    assert issues == []
    return node


def refusal(text: str) -> str:
    with pytest.raises(UnreadableError) as caught:
        parse(text, "x.yaml")
    return f"{caught.value.location}: {caught.value}"


def test_lists_are_nested_as_deep_as_the_limit() -> None:
    # The innermost list lies in MAX_DEPTH others.
    assert accepted("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).height == MAX_DEPTH
    assert refusal("[" * (MAX_DEPTH + 2)) == f"x.yaml:1:{MAX_DEPTH + 2}: nested more than 50 levels deep"


def test_mappings_are_nested_as_deep_as_the_limit() -> None:
    assert accepted("{a: " * MAX_DEPTH + "1" + "}" * MAX_DEPTH).height == MAX_DEPTH
    assert "nested more than 50 levels deep" in refusal("{a: " * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1))


def test_an_alias_counts_with_the_depth_of_its_value() -> None:
    def text(levels: int) -> str:  # the value of b has 20 levels above those of a
        return "a: &a " + "[" * levels + "]" * levels + "\nb: " + "[" * 20 + "*a" + "]" * 20

    # A value under b lies in the mapping, in 20 lists, and in the lists of a but the innermost, which is the value.
    assert accepted(text(MAX_DEPTH - 20)).height == MAX_DEPTH
    assert refusal(text(MAX_DEPTH - 19)) == "x.yaml:2:24: nested more than 50 levels deep"


def test_as_many_values_as_the_limit_are_read() -> None:
    assert accepted(f"[{','.join('1' * (MAX_NODES - 1))}]").size == MAX_NODES  # with the list itself
    assert "more than 10,000 values, aliases written out" in refusal(f"[{','.join('1' * MAX_NODES)}]")


def test_an_alias_counts_with_all_its_values() -> None:
    # The mapping, the list a of 99 numbers, the list b and its aliases: 1 + 100 + 1 + 100 · n.
    def text(aliases: int) -> str:
        return f"a: &a [{','.join('1' * 99)}]\nb: [{','.join(['*a'] * aliases)}]"

    assert accepted(text(98)).size == 102 + 9800
    assert refusal(text(99)) == f"x.yaml:2:{5 + 3 * 98}: more than 10,000 values, aliases written out"


def test_control_characters_are_named_and_their_neighbours_are_read() -> None:
    for code in (0x00, 0x1F, 0x7F, 0x9F, 0xD800, 0xDFFF):
        finding = f"the control character {chr(code)!r} is not read; take it away"
        assert control_character_in(f"a{chr(code)}b") == finding
    for code in (0x20, 0x7E, 0xA0, 0xD7FF, 0xE000, 0x1F438):
        assert control_character_in(f"a{chr(code)}b") is None


def test_a_character_that_cannot_be_read_has_its_line_and_column() -> None:
    message = "the control character '\\x07' is not read; take it away"
    assert refusal("\x07") == f"x.yaml:1:1: {message}"
    assert refusal("a: \x07") == f"x.yaml:1:4: {message}"
    assert refusal("a: 1\n\nb: \x07") == f"x.yaml:3:4: {message}"


def test_values_know_where_they_begin_and_end() -> None:
    root = accepted("a: one\nb: [1, 22]\n")
    assert isinstance(root.value, dict)
    one, numbers = root.value["a"], root.value["b"]
    assert [str(place) for place in (one.start, one.end)] == ["x.yaml:1:4", "x.yaml:1:7"]
    assert [str(place) for place in (numbers.start, numbers.end)] == ["x.yaml:2:4", "x.yaml:2:11"]
    assert [str(place) for place in root.keys["b"]] == ["x.yaml:2:1", "x.yaml:2:2"]
    assert (root.size, root.height, root.is_block, numbers.is_block) == (5, 2, True, False)

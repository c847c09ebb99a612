"""The data of YAML texts, the locations of keys and values, and refused texts."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import pytest

from cifar_cli.config.yaml.document import read_document
from cifar_cli.errors import ConfigError


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_document(text, "x.yaml")
    return str(caught.value)


def test_locations_are_lines_and_columns_of_the_file() -> None:
    document = read_document("a: 1\nb:\n  c: two\n  d: [3, {e: 4}]\n", "x.yaml")
    assert document.data == {"a": 1, "b": {"c": "two", "d": [3, {"e": 4}]}}
    locations = document.locations
    assert str(locations.of_value(("a",))) == "x.yaml:1:4"
    assert str(locations.of_key(("b", "c"))) == "x.yaml:3:3"
    assert str(locations.of_value(("b", "c"))) == "x.yaml:3:6"
    assert str(locations.of_value(("b", "d", 1, "e"))) == "x.yaml:4:14"
    # A block is at its key; a missing key is at the nearest enclosing key.
    assert str(locations.of_value(("b",))) == "x.yaml:2:1"
    assert str(locations.of_value(("b", "missing"))) == "x.yaml:2:1"
    assert str(locations.of_value(("missing",))) == "x.yaml:1:1"


def test_aliases_are_written_out() -> None:
    document = read_document("a: &sizes [1, 2]\nb: *sizes\n", "x.yaml")
    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert document.data["a"] is not document.data["b"]


def test_keys_are_always_strings() -> None:
    assert read_document("on: 1\n3: 2\n", "x.yaml").data == {"on": 1, "3": 2}


def test_quoted_words_stay_strings() -> None:
    assert read_document("a: '3'\nb: \"true\"\n", "x.yaml").data == {"a": "3", "b": "true"}


BILLION_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x.yaml: expected a configuration, found an empty file; write for example model: ..."),
        ("# only this\n", "x.yaml: expected a configuration, found an empty file; write for example model: ..."),
        ("- a\n", "x.yaml:1:1: expected keys with values, found a list; write for example name: experiment"),
        ("hello\n", "x.yaml:1:1: expected keys with values, found a single value; write for example name: experiment"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document begins; expected one only, write no '---'"),
        ("a: 1\n...\nb: 2\n", "x.yaml:3:1: not valid YAML: something after the end of the configuration; take it away"),
        ("a: !!python/object/apply:os.system [ls]", "x.yaml:1:4: the tag '!!python/object/apply:os.system' is not read; leave it out"),
        ("!mine a: 1", "x.yaml:1:1: the tag '!mine' is not read; leave it out"),
        ("a: {<<: {b: 1}}", "x.yaml:1:5: merge keys (<<) are not read; write the keys out"),
        ("[1, 2]: 3", "x.yaml:1:1: expected a word as the key, found a list, a mapping or an alias"),
        ("a: &a [*a]", "x.yaml:1:8: *a stands inside its own value"),
        ("a: *b", "x.yaml:1:4: *b refers to nothing; there is no &b"),
        (BILLION_LAUGHS, "x.yaml:5:8: more than 10,000 values, aliases written out"),
        ("a: " + "[" * 100_000, "x.yaml:1:54: nested more than 50 levels deep"),
        ("a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 20 + "*a" + "]" * 20, "x.yaml:2:24: nested more than 50 levels deep"),
        ("seed: " + "9" * 5000, "x.yaml:1:7: a number of 5000 characters is not read"),
        ("a: x\nb: \x07", "x.yaml:2:4: the control character '\\x07' is not read; take it away"),
        ('a: "\\u0007"', "x.yaml:1:4: the control character '\\x07' is not read; take it away"),
        ('"\\ud800": 1', "x.yaml:1:1: the control character '\\ud800' is not read; take it away"),
        ('a: "\\UFFFFFFFF"', "x.yaml: not valid YAML: a \\U in quotes that stands for no character; use single quotes around the text"),
        ("a: b: c", "x.yaml:1:5: not valid YAML: a ':' where no key can stand; mend the indentation, or quote the text"),
        ("a: - b", "x.yaml:1:4: not valid YAML: a list item where no list can stand; begin it on the next line"),
        ("a:\n\tb: 1", "x.yaml:2:1: not valid YAML: a tab; indent with spaces"),
        ("a: 1\nb\nc: 2", "x.yaml:2:1: not valid YAML: a key without a ':' after it; write 'key: value'"),
        ("a: @x", "x.yaml:1:4: not valid YAML: a word that begins with '@'; put it in quotes"),
        ("a: 'b\nc: d\n", "x.yaml:1:4: not valid YAML: a quote that is never closed; write the second quote"),
        ("a: [1, 2\n", "x.yaml:1:4: not valid YAML: a bracket that is not closed, or a missing comma; write ',' or ']'"),
        ("a: {b: 1 c: 2}", "x.yaml:1:11: not valid YAML: a bracket that is not closed, or a missing comma; write ',' or '}'"),
        ("a: [", "x.yaml:1:5: not valid YAML: a bracket that is not closed; write its other half"),
        ("a: , b", "x.yaml:1:4: not valid YAML: ',' where a value must stand; write one, or put it in quotes"),
        ("a:\n    b: 1\n  c: 2", "x.yaml:3:3: not valid YAML: a line not in line with the ones above; mend the indentation"),
        ("a: [1]]", "x.yaml:1:7: not valid YAML: something after the end of a value; take it away, or quote the whole"),
        ('a: "\\q"', "x.yaml:1:6: not valid YAML: a backslash before 'q'; use single quotes around the text"),
        ("%YAML 2.0\n---\na: 1", "x.yaml:1:1: not valid YAML: found incompatible YAML document (version 1.* is required)"),
    ],
)  # fmt: skip
def test_text_that_is_not_yaml_gives_one_sentence(text: str, words: str) -> None:
    assert refusal(text) == words

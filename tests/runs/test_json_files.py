"""JSON files read back as they were written, and damaged ones are refused."""

import json
import math
from pathlib import Path

import pytest

from cifar_cli.errors import RunError
from cifar_cli.runs.json_files import read_json, write_json


def test_json_is_read_back_with_its_order_and_its_letters(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    contents = {"name": "größe", "accuracy": 0.1 + 0.2, "test": None, "nested": {"b": 1, "a": [True, 2]}}
    write_json(path, contents)
    assert read_json(path) == contents
    assert list(json.loads(path.read_text(encoding="utf-8"))) == list(contents)
    assert "größe" in path.read_text(encoding="utf-8")


def test_a_path_is_written_as_text_and_a_number_that_json_does_not_know_is_a_bug(tmp_path: Path) -> None:
    write_json(tmp_path / "env.json", {"root": tmp_path})
    assert read_json(tmp_path / "env.json") == {"root": str(tmp_path)}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "env.json", {"loss": math.nan})


def test_json_that_may_not_be_read_is_an_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.json"
    path.touch()

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")  # chmod would not keep root from reading

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(RunError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path}: could not be read: Permission denied; mend the file's rights, or remove it"


def test_missing_json_is_empty(tmp_path: Path) -> None:
    assert read_json(tmp_path / "missing.json") == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("[1]", "a list"),
        ("[" * 100_000, "maximum recursion depth exceeded"),
    ],
    ids=range(4),
)
def test_damaged_json_is_an_error_with_a_way_out(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "summary.json"
    path.write_text(text)
    with pytest.raises(RunError) as caught:
        read_json(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected a JSON object, found: {found}")
    assert message.endswith("; put the file back as training wrote it, or remove it")


def test_a_name_that_is_not_utf_8_is_written_as_an_escape(tmp_path: Path) -> None:
    """As sys.argv holds the byte 0xff, in the record of a run's command."""
    write_json(tmp_path / "env.json", {"command": ["cifar", "b\udcff.yaml"]})
    assert b'"b\\udcff.yaml"' in (tmp_path / "env.json").read_bytes()
    assert read_json(tmp_path / "env.json") == {"command": ["cifar", "b\udcff.yaml"]}

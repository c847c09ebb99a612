"""Writes and reads the run folder's JSON files: env.json and summary.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cifar_cli.errors import RunError
from cifar_cli.runs.atomic_files import write_atomically


def write_json(path: Path, contents: Mapping[str, Any]) -> None:
    """Writes a JSON object, indented, with its keys in the given order."""
    text = json.dumps(contents, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    # The bytes of a file's name that are not UTF-8, which Python holds as surrogates, become JSON's escapes.
    encoded = text.encode("utf-8", "backslashreplace")
    write_atomically(path, lambda file: file.write(encoded))


def read_json(path: Path) -> dict[str, Any]:
    """Returns the JSON object in a file, {} if there is no file. Raises RunError if the file holds anything else."""
    try:
        if not path.is_file():
            return {}
        contents = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(contents, dict):
            raise ValueError(f"a {type(contents).__name__}")
    except OSError as error:
        raise RunError(f"{path}: could not be read: {error.strerror}; mend the file's rights, or remove it") from error
    except (ValueError, RecursionError) as error:
        raise RunError(
            f"{path}: expected a JSON object, found: {error}; put the file back as training wrote it, or remove it"
        ) from error
    return contents

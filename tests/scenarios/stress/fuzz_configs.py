"""Damaged configurations and override words: the built-in ones with values, keys and characters changed."""

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from cifar_cli import config
from cifar_cli.builders.build_model import build_model

CONFIGS = sorted((Path(__file__).resolve().parents[3] / "configs").rglob("*.yaml"))

VALUES: list[Any] = [
    *(None, True, False, -1, 0, 1, 2, 7, 10**6, 2**31, 2**63, 10**40, -(10**400), 0.5, -0.0, 1e-320, 1e308),
    *(
        float("inf"),
        float("nan"),
        "",
        " ",
        "auto",
        "no",
        "1e-3",
        "0x10",
        "1_000",
        "Conv2d",
        "x" * 5000,
        "..",
        "/",
        "a.b",
    ),
    *("é\u202e\U0001d4d0", "\ufeff", "\n", "{}", "${HOME}", "conv1", [], {}, [[]], {"name": "adamw"}, {"type": "ReLU"}),
    *([1, 2], [0, -1], ["conv1", "conv1"], {"a": {"b": {"c": None}}}, {"": 1}, [None] * 50),
]
WORDS = [
    *("&a ", "*a", "<<: *a", "!!python/object/apply:os.system [id]", "!!int ", "%YAML 1.1\n", "---\n", "...\n", "\t"),
    *(
        "\0",
        "\x85",
        "\u2028",
        "\ufeff",
        "\\",
        '"',
        "'",
        "|",
        ">",
        "?",
        "#",
        ":",
        ": ",
        "- ",
        ",",
        "=",
        "[" * 60,
        "{" * 60,
    ),
    *(
        "]",
        "}",
        "\n",
        "  ",
        "1e999",
        "9" * 5000,
        "0b1",
        ".nan",
        "~",
        "@",
        "`",
        "😀",
        "\ud7ff",
        '"\\U00110000"',
        '"\\0"',
    ),
    *("a: &x [1]\n", "[" * 5000, "- " * 3000, "? " * 300, "&a [*a]", "x" * 50_000),
]
SECTIONS = ("name", "seed", "data", "model", "loss", "optimizer", "schedule", "average", "sharpness", "train", "log")


def configurations(generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that read a damaged configuration, and outline the network of those that are accepted."""
    texts = [path.read_text(encoding="utf-8") for path in CONFIGS]
    for _ in range(count):
        text = generator.choice(texts)
        if generator.random() < 0.6:
            data = yaml.safe_load(text)
            for _ in range(generator.randint(1, 3)):
                _change_value(data, generator)
            text = yaml.safe_dump(data, allow_unicode=generator.random() < 0.5, sort_keys=generator.random() < 0.5)
        if generator.random() < 0.6:
            for _ in range(generator.randint(1, 4)):
                text = _change_text(text, generator)
        yield partial(_read, text, ())


def override_words(generator: random.Random, *, count: int) -> Iterator[Callable[[], bool]]:
    """Yields cases that read a sound configuration with damaged `key=value` words."""
    texts = [path.read_text(encoding="utf-8") for path in CONFIGS]
    for _ in range(count):
        text = generator.choice(texts)
        keys = [".".join(map(str, path)) for path in _paths(yaml.safe_load(text))]
        words = []
        for _ in range(generator.randint(1, 3)):
            value = yaml.safe_dump(generator.choice(VALUES), default_flow_style=True).removesuffix("...\n").strip()
            word = f"{generator.choice(keys)}={value}"
            words.append(_change_text(word, generator) if generator.random() < 0.5 else word)
        yield partial(_read, text, tuple(words))


def _read(text: str, words: tuple[str, ...]) -> bool:
    experiment = config.load_text(text, location="fuzz.yaml", overrides=words)
    assert config.load_text(config.dump(experiment), location="dumped.yaml") == experiment, (
        "dumped and read: another one"
    )
    with torch.device("meta"):
        build_model(experiment)
    return True


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, item in items for way in ((*path, key), *_paths(item, (*path, key)))]


def _change_value(data: Any, generator: random.Random) -> None:
    """Deletes, replaces, renames, doubles or moves something."""
    paths = _paths(data)
    if not paths:
        return
    path, other = generator.choice(paths), generator.choice(paths)
    holder, key = _reach(data, path[:-1]), path[-1]
    match generator.choice(("delete", "replace", "replace", "rename", "move", "deepen", "grow")):
        case "delete":
            del holder[key]
        case "replace":
            holder[key] = deepcopy(generator.choice(VALUES))
        case "rename" if isinstance(holder, dict):
            holder[generator.choice((_change_text(str(key), generator), *SECTIONS, 7, None, True))] = holder.pop(key)
        case "move":
            holder[key] = deepcopy(_reach(data, other))
        case "deepen":
            for _ in range(generator.choice((1, 2, 60))):
                holder[key] = [holder[key]]
        case "grow" if isinstance(holder, list):
            holder.extend(deepcopy([holder[key]] * generator.choice((1, 30))))


def _reach(data: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        data = data[key]
    return data


def _change_text(text: str, generator: random.Random) -> str:
    """Inserts, removes, repeats or replaces a piece."""
    position = generator.randint(0, len(text))
    end = min(len(text), position + generator.choice((1, 1, 2, 10, 100)))
    match generator.choice(("insert", "insert", "remove", "repeat", "replace", "character")):
        case "insert":
            return text[:position] + generator.choice(WORDS) + text[position:]
        case "remove":
            return text[:position] + text[end:]
        case "repeat":
            return text[:end] + text[position:]
        case "replace":
            return text[:position] + generator.choice(WORDS) + text[end:]
        case _:
            return (
                text[:position]
                + chr(generator.choice((generator.randrange(128), generator.randrange(0xD800))))
                + text[end:]
            )

"""Loads variants of one configuration: the same file and overrides, with some keys set besides.

A variant may choose another `name` in a section: the other network of a sweep. Keys of the section that the other name
does not have are then left out, which a single override never does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cifar_cli.config.config_files import ConfigFile
from cifar_cli.config.load import experiment_of
from cifar_cli.config.overrides import override
from cifar_cli.config.schema import CHOICES, Experiment
from cifar_cli.config.yaml.document import Plain, read_document


@dataclass(frozen=True)
class Variant:
    """An experiment, and the dotted keys of the file that its sections do not have."""

    experiment: Experiment
    left_out: tuple[str, ...]


def load_variant(read: ConfigFile, overrides: Sequence[str], settings: Sequence[str]) -> Variant:
    """Returns the variant of a configuration with `key=value` settings. Raises ConfigError with all mistakes."""
    document = read_document(read.text, read.location, builtin=read.builtin)
    override(document, overrides)
    names = dict(word.split("=", 1) for word in settings if word.partition("=")[0] in NAME_KEYS)
    left_out = [key for name_key, name in names.items() for key in _leave_out(document.data, NAME_KEYS[name_key], name)]
    override(document, settings)
    return Variant(experiment_of(document, default_name=read.stem), tuple(left_out))


NAME_KEYS: Mapping[str, str] = {f"{section}.name": section for section in CHOICES}
"""The keys that decide which keys a section has, each with its section."""


def has_key(section: str, name: str, key: str) -> bool:
    """Returns whether a section with this `name` has the key; for a name that does not exist, false."""
    choice = CHOICES[section]
    return name in choice.table and key in choice.keys_of(name).model_fields


def _leave_out(data: dict[str, Plain], section: str, name: str) -> list[str]:
    """Removes the keys of a section that it does not have with another name; returns them, dotted."""
    keys = data.get(section)
    if not isinstance(keys, dict) or name not in CHOICES[section].table:
        return []
    own = keys.get("name") or next(iter(CHOICES[section].table))
    # A key that the section does not have with its own name either is a mistake, which is told of.
    dropped = [key for key in keys if not has_key(section, name, key) and has_key(section, str(own), key)]
    for key in dropped:
        del keys[key]
    return [f"{section}.{key}" for key in dropped]

"""cifar data: fetches datasets, checks their files, says where they lie."""

import os
from collections.abc import Sequence
from pathlib import Path

from cifar_cli.commands.download_bar import download_bar
from cifar_cli.data.sources import DATASETS, data_root, find_source, obtain_dataset
from cifar_cli.errors import DataError

MADE_NOT_READ = "is made when it is opened; there is nothing to {verb}"
NEXT = "next: cifar train --config sequential"


def fetch(name: str, root: str | None, *, mirrors: Sequence[str] = ()) -> None:
    """Downloads what is missing or damaged of a dataset, and says where it is."""
    folder = data_root(root)
    if find_source(name).obtain is None:
        print(f"{name} {MADE_NOT_READ.format(verb='fetch')}")
    else:
        before = find_source(name).file_states(folder)
        if all(state == "ok" for state in before.values()):
            print(f"{name} is already in {folder.absolute()}")
        else:
            with download_bar() as bar:
                obtain_dataset(name, root=folder, mirrors=mirrors, report=bar)
            print(f"{name}: {len(before)} files written below {folder.absolute()}")
    print(_next(name, root))


def verify(name: str, root: str | None) -> None:
    """Prints a line for each file of a dataset. Raises DataError where one is missing or damaged."""
    source, folder = find_source(name), data_root(root)
    if source.obtain is None:
        print(f"{name} {MADE_NOT_READ.format(verb='verify')}")
    states = source.file_states(folder)
    for path, state in states.items():
        print(f"{state:8} {path}")
    wrong = sum(state != "ok" for state in states.values())
    if wrong:
        raise DataError(
            f"{folder.absolute()}: expected {len(states)} files of {name}, found {wrong} of them missing or damaged; "
            f"fetch them with: cifar data fetch {name}{_root_option(root)}"
        )
    print(_next(name, root))


def where(root: str | None) -> None:
    """Prints the folder that datasets are looked for in, why that one, and which datasets are in it."""
    folder = data_root(root)
    print(f"{folder.absolute()} ({_reason(root)})")
    for name, source in DATASETS.items():
        print(f"  {name:14} {_presence(name, folder) if source.obtain else 'always there: it is drawn'}")
    print(f"next: cifar data verify cifar10{_root_option(root)}")


def _reason(root: str | None) -> str:
    if root:
        return "as given"
    return "from CIFAR_DATA_DIR" if os.environ.get("CIFAR_DATA_DIR") else "the default; CIFAR_DATA_DIR changes it"


def _presence(name: str, folder: Path) -> str:
    states = find_source(name).file_states(folder)
    there = sum(state == "ok" for state in states.values())
    if there == len(states):
        return "there"
    if all(state == "missing" for state in states.values()):
        return "not there"
    return f"incomplete: {there} of {len(states)} files are right"


def _root_option(root: str | None) -> str:
    return f" --root {root}" if root else ""


def _next(name: str, root: str | None) -> str:
    overrides = ([f"data.name={name}"] if name != "cifar10" else []) + ([f"data.root={root}"] if root else [])
    return " ".join([NEXT, *overrides])
